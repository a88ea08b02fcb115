// Another password of one's own.
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { ApiForm } from '@/form/ApiForm';
import { PasswordField } from '@/form/fields';
import { FieldFinding, useForm } from '@/form/useForm';

const EMPTY = { current_password: '', new_password: '', again: '' };

export function PasswordForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  // A form that has been sent is a new one: its fields are shown hidden again, and empty.
  const [turn, setTurn] = useState(0);
  const form = useForm({
    initial: EMPTY,
    send: async ({ current_password, new_password }) => data(api.POST('/v1/account/password', { body: { current_password, new_password } })),
    onDone: () => {
      form.reset();
      setTurn((n) => n + 1);
      onDone();
    },
  });
  const submit: typeof form.submit = (event) => {
    event?.preventDefault();
    if (form.values.new_password === form.values.again) form.submit();
    else form.blame(new FieldFinding('again', { title: t('account.password.mismatch'), allowed: [] }));
  };
  return (
    <div className="sp-form" key={turn}>
      <ApiForm form={{ ...form, submit }} act={t('account.password.act')}>
        <PasswordField form={form} name="current_password" label={t('account.password.current')} autoComplete="current-password" isRequired />
        <PasswordField form={form} name="new_password" label={t('account.password.new')} hint={t('account.password.newHint')} autoComplete="new-password" isRequired />
        <PasswordField form={form} name="again" label={t('account.password.again')} autoComplete="new-password" isRequired />
      </ApiForm>
    </div>
  );
}
