// The fields of forms. Each knows its form, shows its fault, and says what is expected before it is wrong.
import {
  Button, Checkbox, FormGroup, FormHelperText, FormSelect, FormSelectOption, HelperText, HelperTextItem, InputGroup, InputGroupItem, TextArea, TextInput,
} from '@patternfly/react-core';
import EyeIcon from '@patternfly/react-icons/dist/esm/icons/eye-icon';
import EyeSlashIcon from '@patternfly/react-icons/dist/esm/icons/eye-slash-icon';
import { useEffect, useId, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { GatewayWords } from '@/components/GatewayWords';
import type { FieldFault, FormState } from './useForm';

interface FieldProps<T extends object> {
  form: FormState<T>;
  name: Extract<keyof T, string>;
  label: string;
  hint?: ReactNode;
  isRequired?: boolean;
  isDisabled?: boolean;
  autoFocus?: boolean;
}

function useShown<T extends object>(form: FormState<T>, name: string): FieldFault | undefined {
  const { fields } = form;
  useEffect(() => {
    fields.add(name);
    return () => void fields.delete(name);
  }, [fields, name]);
  return form.fault(name);
}

function Help({ id, hint, fault }: { id: string; hint?: ReactNode; fault: FieldFault | undefined }) {
  const { t } = useTranslation();
  if (!hint && !fault) return null;
  return (
    <FormHelperText>
      <HelperText id={id}>
        {fault && (
          <HelperTextItem variant="error" screenReaderText={t('alerts.errorStatus')}>
            {fault.detail ? (
              <>
                {fault.title}. <GatewayWords message={fault.detail} />
              </>
            ) : (
              fault.title
            )}
          </HelperTextItem>
        )}
        {hint && <HelperTextItem>{hint}</HelperTextItem>}
      </HelperText>
    </FormHelperText>
  );
}

interface TextProps<T extends object> extends FieldProps<T> {
  placeholder?: string;
  autoComplete?: string;
  type?: 'text' | 'url' | 'number';
}

export function TextField<T extends object>({ form, name, label, hint, isRequired, isDisabled, autoFocus, placeholder, autoComplete = 'off', type = 'text' }: TextProps<T>) {
  const id = useId();
  const fault = useShown(form, name);
  return (
    <FormGroup label={label} fieldId={id} isRequired={isRequired}>
      <TextInput
        id={id} name={name} type={type} value={String(form.values[name] ?? '')} onChange={(_, value) => form.set(name, value as T[typeof name])}
        isRequired={isRequired} isDisabled={isDisabled} autoFocus={autoFocus} placeholder={placeholder} autoComplete={autoComplete} spellCheck={false}
        validated={fault ? 'error' : 'default'} aria-describedby={`${id}-help`}
      />
      <Help id={`${id}-help`} hint={hint} fault={fault} />
    </FormGroup>
  );
}

export function PasswordField<T extends object>({ form, name, label, hint, isRequired, isDisabled, autoFocus, autoComplete = 'off' }: TextProps<T>) {
  const { t } = useTranslation();
  const id = useId();
  const fault = useShown(form, name);
  const [shown, setShown] = useState(false);
  return (
    <FormGroup label={label} fieldId={id} isRequired={isRequired}>
      <InputGroup>
        <InputGroupItem isFill>
          <TextInput
            id={id} name={name} type={shown ? 'text' : 'password'} value={String(form.values[name] ?? '')}
            onChange={(_, value) => form.set(name, value as T[typeof name])} isRequired={isRequired} isDisabled={isDisabled} autoFocus={autoFocus}
            autoComplete={autoComplete} validated={fault ? 'error' : 'default'} aria-describedby={`${id}-help`}
          />
        </InputGroupItem>
        <InputGroupItem>
          <Button
            variant="control" icon={shown ? <EyeSlashIcon /> : <EyeIcon />} onClick={() => setShown(!shown)}
            aria-label={shown ? t('session.hidePassword') : t('session.showPassword')}
          />
        </InputGroupItem>
      </InputGroup>
      <Help id={`${id}-help`} hint={hint} fault={fault} />
    </FormGroup>
  );
}

export function TextAreaField<T extends object>({ form, name, label, hint, isRequired, isDisabled, placeholder }: TextProps<T>) {
  const id = useId();
  const fault = useShown(form, name);
  return (
    <FormGroup label={label} fieldId={id} isRequired={isRequired}>
      <TextArea
        id={id} name={name} value={String(form.values[name] ?? '')} onChange={(_, value) => form.set(name, value as T[typeof name])} isRequired={isRequired}
        isDisabled={isDisabled} placeholder={placeholder} resizeOrientation="vertical" validated={fault ? 'error' : 'default'} aria-describedby={`${id}-help`}
      />
      <Help id={`${id}-help`} hint={hint} fault={fault} />
    </FormGroup>
  );
}

interface SelectProps<T extends object> extends FieldProps<T> {
  options: readonly { value: string; label: string }[];
}

export function SelectField<T extends object>({ form, name, label, hint, isRequired, isDisabled, options }: SelectProps<T>) {
  const id = useId();
  const fault = useShown(form, name);
  return (
    <FormGroup label={label} fieldId={id} isRequired={isRequired}>
      <FormSelect
        id={id} name={name} value={String(form.values[name] ?? '')} onChange={(_, value) => form.set(name, value as T[typeof name])}
        isDisabled={isDisabled} validated={fault ? 'error' : 'default'} aria-describedby={`${id}-help`}
      >
        {options.map((option) => (
          <FormSelectOption key={option.value} value={option.value} label={option.label} />
        ))}
      </FormSelect>
      <Help id={`${id}-help`} hint={hint} fault={fault} />
    </FormGroup>
  );
}

export function CheckField<T extends object>({ form, name, label, hint, isDisabled }: FieldProps<T>) {
  const id = useId();
  const fault = useShown(form, name);
  return (
    <FormGroup fieldId={id}>
      <Checkbox
        id={id} name={name} label={label} description={hint} isChecked={Boolean(form.values[name])} isDisabled={isDisabled}
        onChange={(_, value) => form.set(name, value as T[typeof name])}
      />
      <Help id={`${id}-help`} fault={fault} />
    </FormGroup>
  );
}
