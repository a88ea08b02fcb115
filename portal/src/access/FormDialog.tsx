// A form in a dialog: its fields, the word on its button, and what was refused at the field or above them.
import { Button, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useId, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Dialog } from '@/components/Dialog';
import { ApiForm } from '@/form/ApiForm';
import type { FormState } from '@/form/useForm';

interface Props<T extends object> {
  form: FormState<T>;
  title: string;
  lead?: ReactNode;
  act: string;
  isDanger?: boolean;
  isDisabled?: boolean;
  variant?: 'small' | 'medium';
  onClose: () => void;
  children: ReactNode;
}

export function FormDialog<T extends object>({ form, title, lead, act, isDanger, isDisabled, variant = 'small', onClose, children }: Props<T>) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <Dialog variant={variant} onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader title={title} description={lead} labelId={`${id}-title`} />
      <ModalBody>
        <ApiForm form={form} id={`${id}-form`}>
          {children}
        </ApiForm>
      </ModalBody>
      <ModalFooter>
        <Button
          type="submit" form={`${id}-form`} variant={isDanger ? 'danger' : 'primary'} isLoading={form.isPending} spinnerAriaLabel={t('common.loading')}
          spinnerAriaValueText={t('common.loading')} isDisabled={isDisabled || form.isPending}
        >
          {act}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('common.cancel')}
        </Button>
      </ModalFooter>
    </Dialog>
  );
}

/** What of an edit differs from what is there: nothing else is sent, so that what others changed meanwhile stays. */
export function changedOnly<T extends object>(before: Partial<T>, after: T): Partial<T> {
  const same = (a: unknown, b: unknown) => JSON.stringify(a ?? '') === JSON.stringify(b ?? '');
  return Object.fromEntries(Object.entries(after).filter(([name, value]) => !same(before[name as keyof T], value))) as Partial<T>;
}
