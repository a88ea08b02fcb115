import { FormGroup, FormSelect, FormSelectOption } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { projectLabel } from './Names';
import { PLATFORM, projectsQuery, tenantsQuery, useMay } from './queries';

/** Picks a tenant or a project, for a filter. */
export function OwnerPicker({ id, kind, value, onChange }: { id: string; kind: 'tenant' | 'project'; value: string; onChange: (id: string) => void }) {
  const { t } = useTranslation();
  const { data: tenants } = useQuery({ ...tenantsQuery, enabled: useMay('tenant.read') && kind === 'tenant' });
  const { data: projects } = useQuery({ ...projectsQuery, enabled: useMay('project.read') && kind === 'project' });
  const options =
    kind === 'tenant'
      ? (tenants ?? []).map((one) => ({ value: one.id, label: one.id === PLATFORM ? t('access.platform') : one.path }))
      : (projects ?? []).map((one) => ({ value: one.id, label: projectLabel(one) }));
  return (
    <FormGroup label={t(`access.${kind}`)} fieldId={id}>
      <FormSelect id={id} value={value} onChange={(_, next) => onChange(next)}>
        {!options.some((one) => one.value === value) && <FormSelectOption value={value} label={value || t('access.choose')} />}
        {options.map((one) => (
          <FormSelectOption key={one.value} value={one.value} label={one.label} />
        ))}
      </FormSelect>
    </FormGroup>
  );
}
