// What is done to a tenant: made, edited, suspended, removed.
import { Content } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { sessionQuery } from '@/api/queries';
import { ConfirmByName } from '@/components/ConfirmByName';
import { SelectField, TextAreaField, TextField } from '@/form/fields';
import { useForm, type FormState } from '@/form/useForm';
import { changedOnly, FormDialog } from './FormDialog';
import { ImpactList } from './ImpactList';
import { PLATFORM, tenantsQuery, type Tenant } from './queries';
import { useAct, useDone } from './useAct';
import type { Act } from './ActsMenu';

/** The tenants that can be chosen, by their paths; without those below one that is moved. */
export function useTenantOptions(without?: Tenant): { value: string; label: string }[] {
  const { t } = useTranslation();
  const { data: tenants } = useQuery(tenantsQuery);
  return (tenants ?? [])
    .filter(({ id, path }) => !without || (id !== without.id && !path.startsWith(`${without.path}/`)))
    .map(({ id, path }) => ({ value: id, label: id === PLATFORM ? t('access.platform') : path }));
}

/** The tenant of who is signed in: what is made belongs there unless another is chosen. */
export function useOwnTenant(): string {
  const { data: session } = useQuery(sessionQuery);
  return session?.tenant_id ?? '';
}

interface FieldProps<T extends object> {
  form: FormState<T>;
  name: Extract<keyof T, string>;
  label: string;
  hint?: string;
  without?: Tenant;
}

/** Chooses a tenant. */
export function TenantField<T extends object>({ form, name, without, ...props }: FieldProps<T>) {
  const { t } = useTranslation();
  const options = useTenantOptions(without);
  const known = options.some(({ value }) => value === form.values[name]);
  return <SelectField form={form} name={name} options={known ? options : [{ value: String(form.values[name]), label: t('access.choose') }, ...options]} {...props} />;
}

interface DialogProps {
  onClose: () => void;
  onDone?: (tenant: Tenant) => void;
}

/** A new tenant below `parent`, or an edit of one. */
export function TenantDialog({ tenant, parent, onClose, onDone }: DialogProps & { tenant?: Tenant; parent?: string }) {
  const { t } = useTranslation();
  const done = useDone();
  const own = useOwnTenant();
  const initial = { name: tenant?.name ?? '', parent_id: tenant?.parent_id ?? parent ?? own, description: tenant?.description ?? '' };
  const form = useForm({
    initial,
    send: ({ name, parent_id, description }) => {
      const body = { name: name.trim(), parent_id, description };
      return tenant
        ? data(api.PATCH('/v1/tenants/{id}', { params: { path: { id: tenant.id } }, body: changedOnly(initial, body) }))
        : data(api.POST('/v1/tenants', { body }));
    },
    onDone: (now) => {
      done(t(tenant ? 'access.saved' : 'access.made', { name: now.name }));
      onClose();
      onDone?.(now);
    },
  });
  return (
    <FormDialog form={form} title={tenant ? t('access.tenants.editTitle', { name: tenant.name }) : t('access.tenants.add')} act={t(tenant ? 'common.save' : 'access.tenants.add')} onClose={onClose}>
      <TextField form={form} name="name" label={t('access.name')} hint={t('access.tenants.nameHint')} isRequired autoFocus />
      <TenantField form={form} name="parent_id" label={t('access.tenants.parent')} hint={tenant && t('access.tenants.parentHint')} without={tenant} />
      <TextAreaField form={form} name="description" label={t('access.description')} />
    </FormDialog>
  );
}

function SuspendDialog({ tenant, onClose }: { tenant: Tenant; onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const form = useForm({
    initial: {},
    send: () => data(api.PATCH('/v1/tenants/{id}', { params: { path: { id: tenant.id } }, body: { state: 'suspended' } })),
    onDone: () => {
      done(t('access.tenants.suspended', { name: tenant.name }));
      onClose();
    },
  });
  return (
    <FormDialog form={form} title={t('access.tenants.suspendTitle', { name: tenant.name })} act={t('access.tenants.suspend')} isDanger onClose={onClose}>
      <Content component="p">{t('access.tenants.suspendWhat')}</Content>
      <ImpactList kind="tenant" id={tenant.id} lead={t('access.tenants.within')} nothing={t('access.tenants.withinNothing')} />
    </FormDialog>
  );
}

function RemoveTenant({ tenant, onClose, onDone }: DialogProps & { tenant: Tenant }) {
  const { t } = useTranslation();
  const done = useDone();
  const remove = async () => {
    await data(api.DELETE('/v1/tenants/{id}', { params: { path: { id: tenant.id } } }));
    onDone?.(tenant);
    done(t('access.removed', { name: tenant.name }), tenant.id);
  };
  return (
    <ConfirmByName title={t('access.removeTitle', { name: tenant.name })} name={tenant.name} act={t('access.remove')} onConfirm={remove} onClose={onClose}>
      <Content component="p">{t('access.tenants.removeWhat')}</Content>
      <ImpactList kind="tenant" id={tenant.id} lead={t('access.tenants.within')} nothing={t('access.tenants.withinNothing')} />
    </ConfirmByName>
  );
}

/** What can be done to a tenant. Nothing is done to the platform, which is the root of all. */
export function useTenantActs(): (tenant: Tenant, onRemoved?: () => void) => Act[] {
  const { t } = useTranslation();
  const act = useAct();
  const resume = (tenant: Tenant) =>
    act.mutate({
      run: () => data(api.PATCH('/v1/tenants/{id}', { params: { path: { id: tenant.id } }, body: { state: 'active' } })),
      done: t('access.tenants.resumed', { name: tenant.name }),
    });
  return (tenant, onRemoved) => [
    { key: 'below', label: t('access.tenants.addBelow'), dialog: (onClose) => <TenantDialog parent={tenant.id} onClose={onClose} /> },
    ...(tenant.id === PLATFORM
      ? []
      : [
          { key: 'edit', label: t('access.edit'), dialog: (onClose: () => void) => <TenantDialog tenant={tenant} onClose={onClose} /> },
          tenant.state === 'active'
            ? { key: 'suspend', label: t('access.tenants.suspend'), dialog: (onClose: () => void) => <SuspendDialog tenant={tenant} onClose={onClose} /> }
            : { key: 'resume', label: t('access.tenants.resume'), run: () => resume(tenant) },
          { key: 'remove', label: t('access.remove'), isDanger: true, dialog: (onClose: () => void) => <RemoveTenant tenant={tenant} onClose={onClose} onDone={onRemoved} /> },
        ]),
  ];
}
