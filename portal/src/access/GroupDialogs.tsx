// What is done to groups: made, edited with their members, removed.
import { Checkbox, Content, FormGroup, FormHelperText, HelperText, HelperTextItem, SearchInput } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { ConfirmByName } from '@/components/ConfirmByName';
import { TextAreaField, TextField } from '@/form/fields';
import { useForm } from '@/form/useForm';
import { changedOnly, FormDialog } from './FormDialog';
import { usersQuery, type Group } from './queries';
import { TenantField, useOwnTenant } from './TenantDialogs';
import { useDone } from './useAct';

export function GroupDialog({ group, tenantId, onClose }: { group?: Group; tenantId?: string; onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const own = useOwnTenant();
  const initial = {
    name: group?.name ?? '', description: group?.description ?? '', tenant_id: group?.tenant_id ?? tenantId ?? own,
    member_ids: [...(group?.member_ids ?? [])].sort(),
  };
  const form = useForm({
    initial,
    send: ({ tenant_id, ...values }) => {
      const body = { ...values, name: values.name.trim(), member_ids: [...values.member_ids].sort() };
      return group
        ? data(api.PATCH('/v1/groups/{id}', { params: { path: { id: group.id } }, body: changedOnly(initial, body) }))
        : data(api.POST('/v1/groups', { body: { ...body, tenant_id } }));
    },
    onDone: (now) => {
      done(t(group ? 'access.saved' : 'access.made', { name: now.name }));
      onClose();
    },
  });
  return (
    <FormDialog form={form} title={group ? t('access.groups.editTitle', { name: group.name }) : t('access.groups.add')} act={t(group ? 'common.save' : 'access.groups.add')} onClose={onClose}>
      <TextField form={form} name="name" label={t('access.name')} isRequired autoFocus />
      {!group && !tenantId && <TenantField form={form} name="tenant_id" label={t('access.tenant')} />}
      <TextAreaField form={form} name="description" label={t('access.description')} />
      <Members tenantId={form.values.tenant_id} chosen={form.values.member_ids} onChange={(ids) => form.set('member_ids', ids)} />
    </FormDialog>
  );
}

const SHOWN = 100;

/** The users of a tenant, each to be in it or not. */
function Members({ tenantId, chosen, onChange }: { tenantId: string; chosen: readonly string[]; onChange: (ids: string[]) => void }) {
  const { t } = useTranslation();
  const id = useId();
  const { data: users } = useQuery(usersQuery);
  const [words, setWords] = useState('');
  const own = (users ?? []).filter((user) => user.tenant_id === tenantId);
  const found = own.filter((user) => `${user.username} ${user.display_name}`.toLowerCase().includes(words.trim().toLowerCase()));
  return (
    <FormGroup role="group" label={t('access.groups.members')} fieldId={id} isStack>
      {own.length > 10 && (
        <SearchInput value={words} onChange={(_, value) => setWords(value)} onClear={() => setWords('')} aria-label={t('access.search')} placeholder={t('access.search')} resetButtonLabel={t('list.clearSearch')} />
      )}
      <div className="sp-choices">
        {found.slice(0, SHOWN).map((user) => (
          <Checkbox
            key={user.id} id={`${id}-${user.id}`} label={user.username} description={user.display_name} isChecked={chosen.includes(user.id)}
            onChange={(_, on) => onChange(on ? [...chosen, user.id] : chosen.filter((one) => one !== user.id))}
          />
        ))}
      </div>
      <FormHelperText>
        <HelperText>
          <HelperTextItem>{own.length === 0 ? t('access.groups.noUsers') : t('access.groups.chosen', { count: chosen.length })}</HelperTextItem>
        </HelperText>
      </FormHelperText>
    </FormGroup>
  );
}

export function RemoveGroup({ group, onClose, onDone }: { group: Group; onClose: () => void; onDone?: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const remove = async () => {
    await data(api.DELETE('/v1/groups/{id}', { params: { path: { id: group.id } } }));
    onDone?.();
    done(t('access.removed', { name: group.name }), group.id);
  };
  return (
    <ConfirmByName title={t('access.removeTitle', { name: group.name })} name={group.name} act={t('access.remove')} onConfirm={remove} onClose={onClose}>
      <Content component="p">{t('access.groups.removeWhat')}</Content>
    </ConfirmByName>
  );
}
