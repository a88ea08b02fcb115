import { Button, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { Dialog } from '@/components/Dialog';
import { ApiForm } from '@/form/ApiForm';
import { PasswordField, TextField } from '@/form/fields';
import { useForm } from '@/form/useForm';
import type { Provider } from './provider';
import { useProviderActs } from './useActs';

/** Another user or another password, and nothing else. */
export function CredentialsDialog({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  const { t } = useTranslation();
  const id = useId();
  const { edited } = useProviderActs();
  const form = useForm({
    initial: { username: provider.username ?? '', password: '' },
    send: ({ username, password }) =>
      data(
        api.PATCH('/v1/providers/{id}', {
          params: { path: { id: provider.id } },
          // Where one is needed an empty password is sent as it is: the API says so at the field.
          body: { username: username.trim() || null, password: password || (provider.kind === 'vsphere' ? '' : null) },
        }),
      ),
    onDone: (now) => {
      edited(provider, now);
      onClose();
    },
  });
  return (
    <Dialog variant="small" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader title={t('providers.credentialsTitle', { name: provider.name })} description={t('providers.credentialsLead')} labelId={`${id}-title`} />
      <ModalBody>
        <ApiForm form={form} id={`${id}-form`}>
          <TextField form={form} name="username" label={t('providers.form.username')} autoFocus />
          <PasswordField form={form} name="password" label={t('providers.form.password')} autoComplete="new-password" />
        </ApiForm>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form={`${id}-form`} isLoading={form.isPending} spinnerAriaLabel={t('common.loading')} spinnerAriaValueText={t('common.loading')} isDisabled={form.isPending}>
          {t('common.save')}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('common.cancel')}
        </Button>
      </ModalFooter>
    </Dialog>
  );
}
