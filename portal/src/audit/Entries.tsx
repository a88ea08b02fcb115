// The entries of the audit log, each of which opens to all that it tells.
import { Button, Label } from '@patternfly/react-core';
import AngleDownIcon from '@patternfly/react-icons/dist/esm/icons/angle-down-icon';
import AngleRightIcon from '@patternfly/react-icons/dist/esm/icons/angle-right-icon';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { Fragment, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { Facts } from '@/access/Details';
import { TenantName } from '@/access/Names';
import { CopyText } from '@/components/CopyText';
import { formatNumber, formatTime } from '@/format/format';
import { actionLabel, auditPath, type AuditEntry } from './audit';
import { Differences } from './Differences';
import { Actor, Thing } from './Thing';

const COLOURS = { done: 'green', denied: 'orange', failed: 'red' } as const;
const COLUMNS = 6;

export function Entries({ entries }: { entries: readonly AuditEntry[] }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const toggle = (seq: number) => setOpen((all) => new Set(all.has(seq) ? [...all].filter((one) => one !== seq) : [...all, seq]));
  return (
    <Table variant="compact" gridBreakPoint="grid-lg" aria-label={t('audit.title')} className="sp-audit">
      <Thead>
        <Tr>
          <Th width={25}>{t('audit.when')}</Th>
          <Th width={15}>{t('audit.who')}</Th>
          <Th width={20}>{t('audit.what')}</Th>
          <Th width={20}>{t('audit.thing')}</Th>
          <Th width={10}>{t('audit.result')}</Th>
          <Th width={10}>{t('audit.door')}</Th>
        </Tr>
      </Thead>
      <Tbody>
        {entries.map((entry) => (
          <Fragment key={entry.seq}>
            <Tr data-seq={entry.seq}>
              <Td dataLabel={t('audit.when')}>
                <span className="sp-audit__when">
                  <Button
                    variant="plain" size="sm" icon={open.has(entry.seq) ? <AngleDownIcon /> : <AngleRightIcon />} aria-label={t('audit.show', { seq: String(entry.seq) })} aria-expanded={open.has(entry.seq)}
                    onClick={() => toggle(entry.seq)}
                  />
                  <time dateTime={entry.at}>{formatTime(entry.at)}</time>
                </span>
              </Td>
              <Td dataLabel={t('audit.who')}><div><Actor entry={entry} /></div></Td>
              <Td dataLabel={t('audit.what')}><div>{actionLabel(t, entry.action)}</div></Td>
              <Td dataLabel={t('audit.thing')}><div><Thing entry={entry} /></div></Td>
              <Td dataLabel={t('audit.result')}>
                <div><Label isCompact color={COLOURS[entry.result]}>{t(`audit.results.${entry.result}`)}</Label></div>
              </Td>
              <Td dataLabel={t('audit.door')}>{t(`audit.doors.${entry.door}`)}</Td>
            </Tr>
            {open.has(entry.seq) && (
              <Tr>
                <Td colSpan={COLUMNS} className="sp-audit__more"><More entry={entry} /></Td>
              </Tr>
            )}
          </Fragment>
        ))}
      </Tbody>
    </Table>
  );
}

/** All that an entry tells, besides what its row does. What it does not tell is not there. */
function More({ entry }: { entry: AuditEntry }) {
  const { t } = useTranslation();
  const facts: (readonly [string, ReactNode])[] = [
    [t('audit.seq'), formatNumber(entry.seq)],
    [t('audit.code'), <code key="code" className="sp-mono">{entry.action}</code>],
    [t('access.tenant'), <TenantName key="tenant" id={entry.tenant_id} />],
  ];
  if (entry.status) facts.push([t('audit.status'), String(entry.status)]);
  if (entry.address) facts.push([t('audit.address'), <span key="address" className="sp-mono">{entry.address}</span>]);
  if (entry.on_behalf_of) facts.push([t('audit.behalf'), entry.on_behalf_of]);
  if (entry.object_id) {
    facts.push([t('audit.objectId'), (
      <span key="object" className="sp-several">
        <CopyText text={entry.object_id} label={t('audit.objectId')} />
        <Link to={auditPath({ object_kind: entry.object_kind, object_id: entry.object_id })}>{t('audit.ofThing')}</Link>
      </span>
    )]);
  }
  if (entry.request_id) {
    facts.push([t('common.requestId'), (
      <span key="request" className="sp-several">
        <CopyText text={entry.request_id} label={t('common.requestId')} />
        <Link to={auditPath({ request_id: entry.request_id })}>{t('audit.ofRequest')}</Link>
      </span>
    )]);
  }
  return (
    <div className="sp-entry">
      <Differences entry={entry} />
      <Facts entries={facts} />
    </div>
  );
}
