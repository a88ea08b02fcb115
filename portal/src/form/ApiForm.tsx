import { ActionGroup, Button, Form } from '@patternfly/react-core';
import { useEffect, useRef, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ProblemAlert } from '@/components/Problem';
import type { FormState } from './useForm';

interface Props<T extends object> {
  form: FormState<T>;
  children: ReactNode;
  /** The word on the button: what is done. Without it the form has no buttons of its own (`id` ties one elsewhere to it). */
  act?: string;
  onCancel?: () => void;
  /** Further buttons, besides the two. */
  more?: ReactNode;
  id?: string;
  isDisabled?: boolean;
}

/** A form that is sent to the API: its fields, what went wrong, its buttons. */
export function ApiForm<T extends object>({ form, children, act, onCancel, more, id, isDisabled }: Props<T>) {
  const { t } = useTranslation();
  const element = useRef<HTMLDivElement>(null);
  const waited = useRef(false);
  // Who sent it with the keyboard is led to the first field that was refused.
  useEffect(() => {
    if (waited.current && !form.isPending) element.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
    waited.current = form.isPending;
  }, [form.isPending]);
  return (
    <div ref={element}>
      <Form id={id} onSubmit={form.submit} noValidate>
        {Boolean(form.error) && <ProblemAlert error={form.error} />}
        {children}
        {act && (
          <ActionGroup>
            <Button type="submit" isLoading={form.isPending} spinnerAriaLabel={t('common.loading')} spinnerAriaValueText={t('common.loading')} isDisabled={isDisabled || form.isPending}>
              {act}
            </Button>
            {more}
            {onCancel && (
              <Button variant="link" onClick={onCancel}>
                {t('common.cancel')}
              </Button>
            )}
          </ActionGroup>
        )}
      </Form>
    </div>
  );
}
