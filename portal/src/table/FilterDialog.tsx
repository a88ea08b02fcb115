// Makes one filter: a field, a condition that the API has for it, and a value of its type.
import { Button, Checkbox, Form, FormGroup, FormHelperText, FormSelect, FormSelectOption, HelperText, HelperTextItem, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { fields, type Field, type Kind, type Word } from '@/api/gen/fields';
import { OwnerPicker } from '@/access/OwnerPicker';
import { isKind } from '@/api/names';
import { Dialog } from '@/components/Dialog';
import { wordLabel } from '@/components/FieldValue';
import { joinValues, operatorsOf, splitValues, type Filter, type Operator } from './address';
import { operatorLabel } from './labels';
import { ObjectPicker } from './ObjectPicker';
import { scalesOf, splitScale } from './scales';

interface Props {
  kind: Kind;
  first: string;
  /** The filter to be changed, if it is not a new one. */
  filter?: Filter;
  onDone: (filter: Filter) => void;
  onClose: () => void;
}

export function FilterDialog({ kind, first, filter, onDone, onClose }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const choices = fields[kind]
    .filter((field) => field.filter !== false && field.name !== 'source_id')
    .sort((a, b) => t(`fields.${a.name}`).localeCompare(t(`fields.${b.name}`)));
  const [field, setField] = useState<Field>(filter?.field ?? choices.find((one) => one.name === first) ?? choices[0]!);
  const [operator, setOperator] = useState<Operator>(filter?.operator ?? operatorsOf(field)[0]!);
  const [value, setValue] = useState(filter?.value ?? (field.type === 'boolean' ? 'true' : ''));
  const choose = (name: string) => {
    const next = choices.find((one) => one.name === name);
    if (!next) return;
    setField(next);
    setOperator(operatorsOf(next)[0]!);
    setValue(next.type === 'boolean' ? 'true' : '');
  };
  const condition = (next: Operator) => {
    if ((next === 'exists') !== (operator === 'exists')) setValue(next === 'exists' || field.type === 'boolean' ? 'true' : '');
    setOperator(next);
  };
  return (
    <Dialog variant="small" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader title={t('list.filterTitle')} labelId={`${id}-title`} />
      <ModalBody>
        <Form
          id={`${id}-form`}
          onSubmit={(event) => {
            event.preventDefault();
            if (value !== '') onDone({ field, operator, value });
          }}
        >
          <FormGroup label={t('list.filterField')} fieldId={`${id}-field`}>
            <FormSelect id={`${id}-field`} value={field.name} onChange={(_, name) => choose(name)} autoFocus>
              {choices.map((one) => (
                <FormSelectOption key={one.name} value={one.name} label={t(`fields.${one.name}`)} />
              ))}
            </FormSelect>
          </FormGroup>
          <FormGroup label={t('list.filterOperator')} fieldId={`${id}-operator`}>
            <FormSelect id={`${id}-operator`} value={operator} onChange={(_, next) => condition(next as Operator)}>
              {operatorsOf(field).map((one) => (
                <FormSelectOption key={one} value={one} label={operatorLabel(t, field, one)} />
              ))}
            </FormSelect>
          </FormGroup>
          <ValueInput key={`${field.name} ${operator === 'exists'}`} id={`${id}-value`} field={field} operator={operator} value={value} onChange={setValue} />
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form={`${id}-form`} isDisabled={value === ''}>
          {t('list.filterAdd')}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('common.cancel')}
        </Button>
      </ModalFooter>
    </Dialog>
  );
}

interface ValueProps {
  id: string;
  field: Field;
  operator: Operator;
  value: string;
  onChange: (value: string) => void;
}

function ValueInput({ id, field, operator, value, onChange }: ValueProps) {
  const { t } = useTranslation();
  if (operator === 'exists' || field.type === 'boolean') {
    return (
      <FormGroup label={t('list.filterValue')} fieldId={id}>
        <FormSelect id={id} value={value} onChange={(_, next) => onChange(next)}>
          <FormSelectOption value="true" label={t('common.yes')} />
          <FormSelectOption value="false" label={t('common.no')} />
        </FormSelect>
      </FormGroup>
    );
  }
  if (field.type === 'word') return <Words id={id} words={field.words ?? []} value={value} onChange={onChange} />;
  if (field.type === 'id' && isKind(field.kind)) return <ObjectPicker id={id} kind={field.kind} value={value} onChange={onChange} />;
  if (field.type === 'id' && (field.kind === 'project' || field.kind === 'tenant')) return <OwnerPicker id={id} kind={field.kind} value={value} onChange={onChange} />;
  if (field.type === 'integer') return <Quantity id={id} field={field} value={value} onChange={onChange} />;
  if (field.type === 'time') return <Moment id={id} value={value} onChange={onChange} />;
  const several = operator === 'eq' || operator === 'ne';
  return (
    <FormGroup label={t('list.filterValue')} fieldId={id}>
      <TextInput id={id} value={several ? value : splitValues(value).join(',')} onChange={(_, next) => onChange(next)} />
      {several && (
        <FormHelperText>
          <HelperText>
            <HelperTextItem>{t('list.filterValuesHint')}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}

function Words({ id, words, value, onChange }: { id: string; words: readonly Word[]; value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation();
  const chosen = new Set(splitValues(value).filter(Boolean));
  return (
    <FormGroup role="group" label={t('list.filterValue')} fieldId={id} isStack>
      {words.map((word) => (
        <Checkbox
          key={word} id={`${id}-${word}`} label={wordLabel(t, word)} isChecked={chosen.has(word)}
          onChange={(_, on) => onChange(joinValues(words.filter((one) => (one === word ? on : chosen.has(one)))))}
        />
      ))}
    </FormGroup>
  );
}

function Quantity({ id, field, value, onChange }: { id: string; field: Field; value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation();
  const scales = scalesOf(field.name);
  const [start] = useState(() => splitScale(field.name, value));
  const [number, setNumber] = useState(start.number);
  const [scale, setScale] = useState(start.scale);
  const set = (text: string, by: number) => {
    setNumber(text);
    setScale(by);
    const parsed = Number(text);
    onChange(text.trim() === '' || !Number.isFinite(parsed) ? '' : String(Math.round(parsed * by)));
  };
  return (
    <FormGroup label={t('list.filterValue')} fieldId={id}>
      <div className="sp-quantity">
        <TextInput id={id} type="number" step="any" value={number} onChange={(_, text) => set(text, scale)} />
        {scales && (
          <FormSelect aria-label={t('list.filterUnit')} value={String(scale)} onChange={(_, by) => set(number, Number(by))}>
            {scales.map((one) => (
              <FormSelectOption key={one.unit} value={String(one.by)} label={one.unit} />
            ))}
          </FormSelect>
        )}
      </div>
    </FormGroup>
  );
}

function Moment({ id, value, onChange }: { id: string; value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation();
  // The input speaks local time without a zone, the API UTC.
  const date = value ? new Date(value) : undefined;
  const local = date && !Number.isNaN(date.getTime()) ? new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : '';
  return (
    <FormGroup label={t('list.filterValue')} fieldId={id}>
      <TextInput id={id} type="datetime-local" value={local} onChange={(_, text) => onChange(text ? new Date(text).toISOString() : '')} />
    </FormGroup>
  );
}
