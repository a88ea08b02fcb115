// How much a tenant or a project holds of what it may hold.
import { Button, Progress } from '@patternfly/react-core';
import { useQueries, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { sessionQuery } from '@/api/queries';
import { formatShare } from '@/format/format';
import { PLATFORM, projectsQuery, tenantsQuery, useMay } from './queries';
import { formatAmount, givenOut, isLimitedAbove, measureOf, quotaQuery, type QuotaOf, type QuotaUse } from './quota';
import { QuotaDialog } from './QuotaDialog';
import { Rows, type RowColumn } from './Rows';

type Row = QuotaUse & { id: string };

/** So many below it are asked for what was given to them. Of more nothing is said rather than a part. */
const BELOW_MOST = 40;

/** The quotas of all that is directly below a tenant, once all of them are known. */
function useBelow({ kind, id }: QuotaOf): QuotaUse[][] | undefined {
  const isTenant = kind === 'tenant';
  const may = { tenants: useMay('tenant.read'), projects: useMay('project.read') };
  const { data: tenants } = useQuery({ ...tenantsQuery, enabled: isTenant && may.tenants });
  const { data: projects } = useQuery({ ...projectsQuery, enabled: isTenant && may.projects });
  const all: QuotaOf[] = [
    ...(tenants ?? []).filter((one) => one.parent_id === id).map((one) => ({ kind: 'tenant' as const, id: one.id })),
    ...(projects ?? []).filter((one) => one.tenant_id === id).map((one) => ({ kind: 'project' as const, id: one.id })),
  ];
  const asked = isTenant && tenants && projects && all.length <= BELOW_MOST ? all : [];
  const answers = useQueries({ queries: asked.map(quotaQuery) });
  const known = answers.flatMap(({ data }) => (data ? [data] : []));
  return asked.length > 0 && known.length === asked.length ? known : undefined;
}

export function Quotas({ of, name }: { of: QuotaOf; name: string }) {
  const { t } = useTranslation();
  const { data: uses, error, refetch } = useQuery(quotaQuery(of));
  const { data: session } = useQuery(sessionQuery);
  const [editing, setEditing] = useState(false);
  const below = useBelow(of);
  const mayWrite = useMay('quota.write');
  const isPlatform = of.id === PLATFORM;
  // Nobody gives himself more: whose own tenant it is sets the limits of what is below it.
  const isOwn = !isPlatform && of.kind === 'tenant' && session?.tenant_id === of.id;
  const none = <span className="sp-muted">{t('common.none')}</span>;
  const amount = (use: QuotaUse, value: number | null | undefined, absent = none) => (value === null || value === undefined ? absent : formatAmount(use.resource, value));
  const isGiven = below !== undefined && (uses ?? []).some(({ resource }) => givenOut(below, resource) !== undefined);
  const columns: RowColumn<Row>[] = [
    { id: 'resource', label: t('quotas.resource'), cell: (use) => t(`quotas.resources.${use.resource}`) },
    { id: 'used', label: t('quotas.used'), cell: (use) => <Used use={use} /> },
    ...(isPlatform
      ? []
      : [
          { id: 'hard', label: t('quotas.hard'), cell: (use: Row) => amount(use, use.hard, <span className="sp-muted">{t('quotas.noLimit')}</span>) },
          { id: 'soft', label: t('quotas.soft'), cell: (use: Row) => amount(use, use.soft) },
          { id: 'remaining', label: t('quotas.remaining'), cell: (use: Row) => (
            <>
              {amount(use, use.remaining)}
              {isLimitedAbove(use) && <span className="sp-said sp-muted sp-small">{t('quotas.above')}</span>}
            </>
          ) },
        ]),
    ...(isGiven ? [{ id: 'given', label: t('quotas.given'), cell: (use: Row) => <Given use={use} given={givenOut(below, use.resource)} /> }] : []),
  ];
  return (
    <>
      <p className="sp-muted">{t(isPlatform ? 'quotas.platform' : `quotas.lead.${of.kind}`)}</p>
      {isOwn && mayWrite && <p className="sp-muted">{t('quotas.own')}</p>}
      <div className="sp-quotas">
        <Rows
          label={t('quotas.title')} rows={uses?.map((use) => ({ ...use, id: use.resource }))} error={error} onRetry={() => void refetch()} columns={columns} empty={t('common.none')}
          tools={mayWrite && !isPlatform && !isOwn && <Button variant="secondary" isDisabled={!uses} onClick={() => setEditing(true)}>{t('quotas.edit')}</Button>}
        />
      </div>
      {editing && uses && <QuotaDialog of={of} name={name} uses={uses} onClose={() => setEditing(false)} />}
    </>
  );
}

/** What is held, and of a limit how much of it: as a bar and in figures. */
function Used({ use }: { use: QuotaUse }) {
  const { t } = useTranslation();
  const measure = measureOf(use);
  const held = formatAmount(use.resource, use.used + use.reserved);
  const text = measure ? t('quotas.usedOf', { used: held, limit: formatAmount(use.resource, use.hard ?? 0) }) : held;
  return (
    <div className="sp-quota">
      {measure && (
        <Progress
          value={Math.min(100, Math.round(measure.share * 100))} size="sm" measureLocation="outside" label={formatShare(measure.share)} valueText={text} variant={measure.look}
          aria-label={`${t('quotas.used')}: ${t(`quotas.resources.${use.resource}`)}`}
        />
      )}
      <span>
        {text}
        {use.state !== 'ok' && <span className={measure?.look === 'danger' ? 'sp-quota__danger' : 'sp-quota__warning'}>{` · ${t(`quotas.states.${use.state}`)}`}</span>}
      </span>
      {use.reserved > 0 && <span className="sp-muted sp-small">{t('quotas.reserved', { amount: formatAmount(use.resource, use.reserved) })}</span>}
    </div>
  );
}

/** What the limits of those below come to, and how that stands to its own. */
function Given({ use, given }: { use: QuotaUse; given: number | undefined }) {
  const { t } = useTranslation();
  if (given === undefined) return <span className="sp-muted">{t('common.none')}</span>;
  const left = use.hard === null || use.hard === undefined ? undefined : use.hard - given;
  return (
    <>
      {formatAmount(use.resource, given)}
      {left !== undefined && <span className="sp-said sp-muted sp-small">{t(left < 0 ? 'quotas.givenOver' : 'quotas.givenLeft', { amount: formatAmount(use.resource, Math.abs(left)) })}</span>}
    </>
  );
}
