// What is done to users and service accounts: made, edited, given a password, removed.
import { Content } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { ConfirmByName } from '@/components/ConfirmByName';
import { PasswordField, SelectField, TextField } from '@/form/fields';
import { useForm } from '@/form/useForm';
import type { Act } from './ActsMenu';
import { changedOnly, FormDialog } from './FormDialog';
import { signInName } from './Names';
import type { User } from './queries';
import { TenantField, useOwnTenant } from './TenantDialogs';
import { useAct, useDone } from './useAct';
import { WhyDialog } from './WhyDialog';

const KINDS = ['user', 'service_account'] as const;

export function UserDialog({ tenantId, onClose }: { tenantId?: string; onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const own = useOwnTenant();
  const form = useForm({
    initial: { kind: 'user' as (typeof KINDS)[number], username: '', tenant_id: tenantId ?? own, display_name: '', email: '', password: '' },
    send: ({ kind, username, display_name, email, password, tenant_id }) =>
      data(
        api.POST('/v1/users', {
          body: {
            kind, tenant_id, username: username.trim(), display_name: display_name.trim(), email: email.trim() || null,
            // Where one is needed an empty password is sent as it is: the API says so at the field.
            ...(kind === 'user' && { password }),
          },
        }),
      ),
    onDone: (user) => {
      done(t('access.made', { name: user.username }));
      onClose();
    },
  });
  const isUser = form.values.kind === 'user';
  return (
    <FormDialog form={form} title={t('access.users.add')} lead={t('access.users.addLead')} act={t('access.users.add')} onClose={onClose}>
      <SelectField form={form} name="kind" label={t('access.users.kind')} options={KINDS.map((value) => ({ value, label: t(`access.users.kinds.${value}`) }))} hint={t(`access.users.kindHints.${form.values.kind}`)} />
      {!tenantId && <TenantField form={form} name="tenant_id" label={t('access.tenant')} />}
      <TextField form={form} name="username" label={t('access.users.username')} hint={t('access.users.usernameHint')} isRequired autoFocus />
      <TextField form={form} name="display_name" label={t('access.users.displayName')} />
      <TextField form={form} name="email" label={t('access.users.email')} />
      {isUser && <PasswordField form={form} name="password" label={t('access.users.password')} hint={t('account.password.newHint')} autoComplete="new-password" isRequired />}
    </FormDialog>
  );
}

function EditUser({ user, onClose }: { user: User; onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const initial = { display_name: user.display_name, email: user.email ?? '' };
  const form = useForm({
    initial,
    send: ({ display_name, email }) => {
      const body = changedOnly<{ display_name: string; email: string | null }>(initial, { display_name: display_name.trim(), email: email.trim() || null });
      return data(api.PATCH('/v1/users/{id}', { params: { path: { id: user.id } }, body }));
    },
    onDone: () => {
      done(t('access.saved', { name: user.username }));
      onClose();
    },
  });
  return (
    <FormDialog form={form} title={t('access.users.editTitle', { name: user.username })} act={t('common.save')} onClose={onClose}>
      <TextField form={form} name="display_name" label={t('access.users.displayName')} autoFocus />
      <TextField form={form} name="email" label={t('access.users.email')} />
    </FormDialog>
  );
}

function SetPassword({ user, onClose }: { user: User; onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const form = useForm({
    initial: { password: '' },
    send: ({ password }) => data(api.PUT('/v1/users/{id}/password', { params: { path: { id: user.id } }, body: { password } })),
    onDone: () => {
      done(t('access.users.passwordSet', { name: user.username }));
      onClose();
    },
  });
  return (
    <FormDialog form={form} title={t('access.users.passwordTitle', { name: user.username })} lead={t('access.users.passwordLead')} act={t('access.users.setPassword')} onClose={onClose}>
      <PasswordField form={form} name="password" label={t('account.password.new')} hint={t('account.password.newHint')} autoComplete="new-password" isRequired autoFocus />
    </FormDialog>
  );
}

function RemoveUser({ user, onClose, onDone }: { user: User; onClose: () => void; onDone?: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const remove = async () => {
    await data(api.DELETE('/v1/users/{id}', { params: { path: { id: user.id } } }));
    onDone?.();
    done(t('access.removed', { name: user.username }), user.id);
  };
  return (
    <ConfirmByName title={t('access.removeTitle', { name: user.username })} name={user.username} act={t('access.remove')} onConfirm={remove} onClose={onClose}>
      <Content component="p">{t('access.users.removeWhat')}</Content>
    </ConfirmByName>
  );
}

/** What can be done to a user, by who may. */
export function useUserActs(): (user: User, may: boolean, onRemoved?: () => void) => Act[] {
  const { t } = useTranslation();
  const act = useAct();
  const enable = (user: User, enabled: boolean) =>
    act.mutate({
      run: () => data(api.PATCH('/v1/users/{id}', { params: { path: { id: user.id } }, body: { enabled } })),
      done: t(enabled ? 'access.users.enabledNow' : 'access.users.disabledNow', { name: user.username }),
    });
  return (user, may, onRemoved) => [
    { key: 'why', label: t('access.why.act'), dialog: (onClose) => <WhyDialog user={user} name={signInName(user)} onClose={onClose} /> },
    ...(may
      ? [
          { key: 'edit', label: t('access.edit'), dialog: (onClose: () => void) => <EditUser user={user} onClose={onClose} /> },
          ...(user.kind === 'user' ? [{ key: 'password', label: t('access.users.setPassword'), dialog: (onClose: () => void) => <SetPassword user={user} onClose={onClose} /> }] : []),
          { key: 'enable', label: t(user.enabled ? 'access.users.disable' : 'access.users.enable'), run: () => enable(user, !user.enabled) },
          { key: 'remove', label: t('access.remove'), isDanger: true, dialog: (onClose: () => void) => <RemoveUser user={user} onClose={onClose} onDone={onRemoved} /> },
        ]
      : []),
  ];
}
