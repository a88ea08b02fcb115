// What an entry says was before and is afterwards, as what differs.
import ArrowRightIcon from '@patternfly/react-icons/dist/esm/icons/arrow-right-icon';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { ProjectName, RoleName, SubjectName, TenantName } from '@/access/Names';
import { formatAmount, type QuotaResource } from '@/access/quota';
import type { FieldName, Word } from '@/api/gen/fields';
import { textOf, wordLabel } from '@/components/FieldValue';
import { isTold, listDifference } from '@/detail/changes';
import { formatNumber, formatTime } from '@/format/format';
import type { Translation } from '@/i18n/types';
import { differencesOf, type AuditEntry, type Difference } from './audit';

/** A part of a path in the reader's language; a name of something is as it is. */
function partLabel(t: TFunction, part: string): string {
  const field = t(`fields.${part as FieldName}`, { defaultValue: part.replaceAll('_', ' ') });
  const resource = t(`quotas.resources.${part as QuotaResource}`, { defaultValue: field });
  return t(`audit.fields.${part as keyof Translation['audit']['fields']}`, { defaultValue: resource });
}

export function Differences({ entry: { before, after } }: { entry: AuditEntry }) {
  const { t } = useTranslation();
  const [was, is] = [before ?? undefined, after ?? undefined];
  if (!was && !is) return <p className="sp-muted">{t('audit.nothingTold')}</p>;
  const differences = differencesOf(was, is);
  const title = was && is ? t('audit.differences') : t(is ? 'audit.made' : 'audit.was');
  return (
    <section aria-label={title}>
      <h2 className="sp-entry__title">{title}</h2>
      {differences.length === 0 && <p className="sp-muted">{t('audit.noDifferences')}</p>}
      <dl className="sp-changes">
        {differences.map((one) => (
          <div key={one.path.join('\n')} className="sp-changes__one">
            <dt>{one.path.map((part) => partLabel(t, part)).join(' › ')}</dt>
            <dd>
              <Values difference={one} isPair={Boolean(was && is)} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Values({ difference, isPair }: { difference: Difference; isPair: boolean }) {
  const { t } = useTranslation();
  const { path, before, after } = difference;
  if (!isPair) return <Value path={path} value={after ?? before} />;
  const parts = listDifference(before, after);
  if (parts) {
    return (
      <span className="sp-several">
        {parts.went.length > 0 && <del className="sp-changes__part"><span className="pf-v6-screen-reader">{t('changes.went')} </span><Value path={path} value={parts.went} /></del>}
        {parts.came.length > 0 && <ins className="sp-changes__part"><span className="pf-v6-screen-reader">{t('changes.came')} </span><Value path={path} value={parts.came} /></ins>}
      </span>
    );
  }
  return (
    <span className="sp-changes__values">
      <span className="sp-muted"><Value path={path} value={before} /></span>
      <ArrowRightIcon aria-hidden="true" className="sp-muted" />
      <span className="pf-v6-screen-reader">{t('changes.to')}</span>
      <span><Value path={path} value={after} /></span>
    </span>
  );
}

/** A value as the pages of access show it: names in the place of ids, amounts with their units, times of the reader's zone. */
function Value({ path, value }: { path: readonly string[]; value: unknown }) {
  const { t } = useTranslation();
  const member = path.at(-1) ?? '';
  if (!isTold(value)) return <span>{t('common.none')}</span>;
  if (typeof value === 'boolean') return <span>{t(value ? 'common.yes' : 'common.no')}</span>;
  if (typeof value === 'number') return <span>{path[0] === 'limits' && path[1] ? formatAmount(path[1] as QuotaResource, value) : formatNumber(value)}</span>;
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) {
    const kind = member === 'member_ids' ? 'user' : member === 'group_ids' ? 'group' : undefined;
    return <span className="sp-several">{value.map((one) => <span key={one}>{kind ? <SubjectName subject={{ kind, id: one }} /> : one}</span>)}</span>;
  }
  if (Array.isArray(value)) return <ul className="sp-plain">{value.map((one, index) => <li key={index} className="sp-anywhere">{textOf(one)}</li>)}</ul>;
  if (typeof value === 'string') {
    if (member === 'tenant_id' || member === 'parent_id') return <TenantName id={value} />;
    if (member === 'project_id') return <ProjectName id={value} />;
    if (member === 'role_id') return <RoleName id={value} />;
    if (member.endsWith('_at')) return <time dateTime={value}>{formatTime(value)}</time>;
    if (member === 'effect' && (value === 'allow' || value === 'deny')) return <span>{t(`access.bindings.effects.${value}`)}</span>;
    if (member === 'state' && (value === 'active' || value === 'suspended')) return <span>{t(`access.tenants.states.${value}`)}</span>;
    if (member === 'kind') return <span>{wordLabel(t, value as Word)}</span>;
  }
  return <span className="sp-anywhere">{textOf(value)}</span>;
}
