// A dangerous act is confirmed by writing the name of the thing.
import { Button, Form, FormGroup, FormHelperText, HelperText, HelperTextItem, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import { useMutation } from '@tanstack/react-query';
import { useId, useState, type ReactNode } from 'react';
import { Trans, useTranslation } from 'react-i18next';
import { Dialog } from './Dialog';
import { ProblemAlert } from './Problem';

interface Props {
  title: string;
  name: string;
  /** The word on the button: what is done. */
  act: string;
  /** What will happen, said before. */
  children: ReactNode;
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
}

export function ConfirmByName({ title, name, act, children, onConfirm, onClose }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const [typed, setTyped] = useState('');
  const run = useMutation({ mutationFn: onConfirm, onSuccess: onClose });
  const matches = typed === name;
  const wrong = typed.length >= name.length && !matches;
  return (
    <Dialog variant="small" onClose={onClose} aria-labelledby={`${id}-title`} aria-describedby={`${id}-body`} elementToFocus={`#${id}-name`}>
      <ModalHeader title={title} titleIconVariant="warning" titleScreenReaderText={t('alerts.warning')} labelId={`${id}-title`} />
      <ModalBody id={`${id}-body`}>
        {children}
        <Form
          id={`${id}-form`} className="sp-confirm"
          onSubmit={(event) => {
            event.preventDefault();
            if (matches) run.mutate();
          }}
        >
          {run.error && <ProblemAlert error={run.error} />}
          <FormGroup fieldId={`${id}-name`} label={<Trans i18nKey="confirm.typeName" values={{ name }} components={{ 1: <strong /> }} />}>
            <TextInput id={`${id}-name`} value={typed} onChange={(_, value) => setTyped(value)} autoComplete="off" spellCheck={false} autoFocus validated={wrong ? 'error' : 'default'} />
            {wrong && (
              <FormHelperText>
                <HelperText>
                  <HelperTextItem variant="error" screenReaderText={t('alerts.errorStatus')}>{t('confirm.mismatch')}</HelperTextItem>
                </HelperText>
              </FormHelperText>
            )}
          </FormGroup>
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form={`${id}-form`} variant="danger" isDisabled={!matches || run.isPending} isLoading={run.isPending} spinnerAriaLabel={t('common.loading')} spinnerAriaValueText={t('common.loading')}>
          {act}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('common.cancel')}
        </Button>
      </ModalFooter>
    </Dialog>
  );
}
