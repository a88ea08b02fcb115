// What is done to own roles: made, edited, removed.
import { Checkbox, Content, FormGroup } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { ConfirmByName } from '@/components/ConfirmByName';
import { TextAreaField, TextField } from '@/form/fields';
import { useForm } from '@/form/useForm';
import { changedOnly, FormDialog } from './FormDialog';
import { permissionsQuery, type Permission, type Role } from './queries';
import { TenantField, useOwnTenant } from './TenantDialogs';
import { useDone } from './useAct';

/** What a permission allows, in the reader's language. */
export function useMeaning(): (permission: Permission) => string {
  const { t } = useTranslation();
  const { data: permissions } = useQuery({ ...permissionsQuery, staleTime: Infinity });
  return (permission) => t(`access.permissions.${permission}`, { defaultValue: permissions?.find((one) => one.name === permission)?.description ?? permission });
}

export function RoleDialog({ role, from, tenantId, onClose }: { role?: Role; /** A role that the new one begins as. */ from?: Role; tenantId?: string; onClose: () => void }) {
  const { t } = useTranslation();
  const id = useId();
  const done = useDone();
  const own = useOwnTenant();
  const meaning = useMeaning();
  const { data: permissions } = useQuery({ ...permissionsQuery, staleTime: Infinity });
  const initial = {
    name: role?.name ?? '', description: role?.description ?? '', tenant_id: role?.tenant_id ?? tenantId ?? own,
    permissions: [...(role ?? from)?.permissions ?? []],
  };
  const form = useForm({
    initial,
    send: ({ tenant_id, ...values }) => {
      const body = { ...values, name: values.name.trim() };
      return role
        ? data(api.PATCH('/v1/roles/{id}', { params: { path: { id: role.id } }, body: changedOnly(initial, body) }))
        : data(api.POST('/v1/roles', { body: { ...body, tenant_id } }));
    },
    onDone: (now) => {
      done(t(role ? 'access.saved' : 'access.made', { name: now.name }));
      onClose();
    },
  });
  const all = (permissions ?? []).map((one) => one.name);
  const chosen = form.values.permissions;
  return (
    <FormDialog
      form={form} variant="medium" title={role ? t('access.roles.editTitle', { name: role.name }) : t('access.roles.add')} lead={t('access.roles.lead')}
      act={t(role ? 'common.save' : 'access.roles.add')} onClose={onClose}
    >
      <TextField form={form} name="name" label={t('access.name')} isRequired autoFocus />
      {!role && !tenantId && <TenantField form={form} name="tenant_id" label={t('access.tenant')} hint={t('access.roles.tenantHint')} />}
      <TextAreaField form={form} name="description" label={t('access.description')} />
      <FormGroup role="group" label={t('access.roles.permissions')} fieldId={id} isStack>
        {all.map((permission) => (
          <Checkbox
            key={permission} id={`${id}-${permission}`} label={permission} description={meaning(permission)} isChecked={chosen.includes(permission)}
            onChange={(_, on) => form.set('permissions', all.filter((one) => (one === permission ? on : chosen.includes(one))))}
          />
        ))}
      </FormGroup>
    </FormDialog>
  );
}

export function RemoveRole({ role, onClose, onDone }: { role: Role; onClose: () => void; onDone?: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const remove = async () => {
    await data(api.DELETE('/v1/roles/{id}', { params: { path: { id: role.id } } }));
    onDone?.();
    done(t('access.removed', { name: role.name }), role.id);
  };
  return (
    <ConfirmByName title={t('access.removeTitle', { name: role.name })} name={role.name} act={t('access.remove')} onConfirm={remove} onClose={onClose}>
      <Content component="p">{t('access.roles.removeWhat')}</Content>
    </ConfirmByName>
  );
}
