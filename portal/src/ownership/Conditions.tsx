// The conditions of a rule: what is looked at, and what it must be. All of them must hold.
import { Button, FormGroup, FormHelperText, FormSelect, FormSelectOption, HelperText, HelperTextItem, TextInput } from '@patternfly/react-core';
import PlusIcon from '@patternfly/react-icons/dist/esm/icons/plus-circle-icon';
import TrashIcon from '@patternfly/react-icons/dist/esm/icons/trash-icon';
import { useEffect, useId } from 'react';
import { useTranslation } from 'react-i18next';
import type { Condition } from '@/access/queries';
import type { FormState } from '@/form/useForm';
import { EMPTY, FIELDS, type Field, type Values } from './rule';

const MOST = 20;

export function Conditions({ form }: { form: FormState<Values> }) {
  const { t } = useTranslation();
  const id = useId();
  const { fields, values: { conditions } } = form;
  useEffect(() => {
    fields.add('conditions');
    return () => void fields.delete('conditions');
  }, [fields]);
  const fault = form.fault('conditions');
  const put = (at: number, change: Partial<Condition>) => form.set('conditions', conditions.map((one, index) => (index === at ? { ...one, ...change } : one)));
  return (
    <FormGroup role="group" label={t('ownership.conditions')} fieldId={id} isStack>
      {conditions.map((condition, at) => {
        const wrong = Boolean(fault && (form.fault(`conditions/${at}/pattern`) ?? form.fault(`conditions/${at}`)));
        const number = String(at + 1);
        return (
          <div key={at} className="sp-condition">
            <FormSelect value={condition.field} onChange={(_, field) => put(at, { field: field as Field })} aria-label={t('ownership.fieldOf', { number })}>
              {FIELDS.map((field) => (
                <FormSelectOption key={field} value={field} label={t(`ownership.fields.${field}`)} />
              ))}
            </FormSelect>
            <TextInput
              value={condition.pattern} onChange={(_, pattern) => put(at, { pattern })} aria-label={t('ownership.patternOf', { number })} placeholder={t(`ownership.examples.${condition.field}`)}
              spellCheck={false} autoComplete="off" validated={wrong ? 'error' : 'default'} aria-describedby={`${id}-help`}
            />
            <Button
              variant="plain" icon={<TrashIcon />} aria-label={t('ownership.removeCondition', { number })} isDisabled={conditions.length === 1}
              onClick={() => form.set('conditions', conditions.filter((_, index) => index !== at))}
            />
          </div>
        );
      })}
      <FormHelperText>
        <HelperText id={`${id}-help`}>
          {fault && (
            <HelperTextItem variant="error" screenReaderText={t('alerts.errorStatus')}>
              {fault.title}
            </HelperTextItem>
          )}
          <HelperTextItem>{t('ownership.patternHint')}</HelperTextItem>
        </HelperText>
      </FormHelperText>
      <div>
        <Button variant="link" isInline icon={<PlusIcon />} isDisabled={conditions.length >= MOST} onClick={() => form.set('conditions', [...conditions, EMPTY])}>
          {t('ownership.addCondition')}
        </Button>
      </div>
    </FormGroup>
  );
}
