// What narrows the audit log.
import { Button, FormSelect, FormSelectOption, Label, SearchInput, TextInput } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { PLATFORM, tenantsQuery, useMay } from '@/access/queries';
import { actionLabel, ACTIONS, nounLabel, OBJECT_KINDS, type Filter, type Filters } from './audit';

interface Props {
  filters: Filters;
  onChange: (filters: Filters) => void;
}

export function FilterBar({ filters, onChange }: Props) {
  const { t } = useTranslation();
  const mayTenants = useMay('tenant.read');
  const { data: tenants } = useQuery({ ...tenantsQuery, enabled: mayTenants });
  const set = (name: Filter, value: string) => onChange(Object.fromEntries(Object.entries({ ...filters, [name]: value }).filter(([, one]) => one)));
  const byLabel = (a: { label: string }, b: { label: string }) => a.label.localeCompare(b.label);
  const choices: { name: 'result' | 'door' | 'action' | 'object_kind' | 'tenant_id'; label: string; options: { value: string; label: string }[] }[] = [
    { name: 'result', label: t('audit.result'), options: (['done', 'denied', 'failed'] as const).map((value) => ({ value, label: t(`audit.results.${value}`) })) },
    { name: 'door', label: t('audit.door'), options: (['portal', 'api', 'job', 'system'] as const).map((value) => ({ value, label: t(`audit.doors.${value}`) })) },
    { name: 'action', label: t('audit.what'), options: ACTIONS.map((value) => ({ value, label: actionLabel(t, value) })).sort(byLabel) },
    { name: 'object_kind', label: t('audit.thing'), options: OBJECT_KINDS.map((value) => ({ value, label: nounLabel(t, value) ?? value })).sort(byLabel) },
    ...(mayTenants ? [{ name: 'tenant_id' as const, label: t('access.tenant'), options: (tenants ?? []).map(({ id, path }) => ({ value: id, label: id === PLATFORM ? t('access.platform') : path })) }] : []),
  ];
  return (
    <div role="group" aria-label={t('audit.filters')} className="sp-audit__filters">
      <ActorField key={filters.actor} actor={filters.actor ?? ''} onChange={(actor) => set('actor', actor)} />
      {choices.map(({ name, label, options }) => {
        const value = filters[name] ?? '';
        const known = value === '' || options.some((one) => one.value === value);
        return (
          <FormSelect key={name} aria-label={label} value={value} onChange={(_, chosen) => set(name, chosen)}>
            <FormSelectOption value="" label={t(`audit.every.${name}`)} />
            {!known && <FormSelectOption value={value} label={value} />}
            {options.map((one) => <FormSelectOption key={one.value} value={one.value} label={one.label} />)}
          </FormSelect>
        );
      })}
      {(['from', 'to'] as const).map((name) => (
        <div key={name} className="sp-audit__day">
          <span aria-hidden="true" className="sp-muted sp-small">{t(`audit.${name}`)}</span>
          <TextInput type="date" aria-label={t(`audit.${name}`)} value={filters[name] ?? ''} onChange={(_, value) => set(name, value)} />
        </div>
      ))}
      {filters.object_id && <Label variant="outline" onClose={() => set('object_id', '')} closeBtnAriaLabel={t('list.removeFilter', { label: filters.object_id })}>{t('audit.about', { id: filters.object_id })}</Label>}
      {filters.request_id && <Label variant="outline" onClose={() => set('request_id', '')} closeBtnAriaLabel={t('list.removeFilter', { label: filters.request_id })}>{t('audit.request', { id: filters.request_id })}</Label>}
      {Object.keys(filters).length > 0 && (
        <Button variant="link" isInline onClick={() => onChange({})}>
          {t('list.clearFilters')}
        </Button>
      )}
    </div>
  );
}

/** A user's whole name is meant: it is asked for when it is typed. */
function ActorField({ actor, onChange }: { actor: string; onChange: (actor: string) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState(actor);
  return (
    <SearchInput
      className="sp-audit__actor" value={text} onChange={(_, value) => setText(value)} onSearch={(_, value) => onChange(value.trim())} onClear={() => onChange('')}
      placeholder={t('audit.actor')} aria-label={t('audit.who')} resetButtonLabel={t('list.clearSearch')} submitSearchButtonLabel={t('audit.actorSearch')}
    />
  );
}
