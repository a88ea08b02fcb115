import { Label, LabelGroup } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import type { TFunction } from 'i18next';
import { useProjectName, useTenantPath } from '@/access/Names';
import type { Word } from '@/api/gen/fields';
import { isKind, useName, useProviderName } from '@/api/names';
import { wordLabel } from '@/components/FieldValue';
import { formatQuantity, formatTime } from '@/format/format';
import { splitValues, type Filter } from './address';
import { operatorLabel } from './labels';

interface Props {
  filters: readonly Filter[];
  onEdit: (filter: Filter) => void;
  onRemove: (filter: Filter) => void;
}

export function FilterChips({ filters, onEdit, onRemove }: Props) {
  const { t } = useTranslation();
  return (
    <LabelGroup numLabels={8} aria-label={t('list.filters')} collapsedText={t('list.moreFilters')} expandedText={t('list.fewerFilters')}>
      {filters.map((filter) => (
        <Chip key={`${filter.field.name}.${filter.operator}`} filter={filter} onEdit={() => onEdit(filter)} onRemove={() => onRemove(filter)} />
      ))}
    </LabelGroup>
  );
}

function words(t: TFunction, { field, operator, value }: Filter): string {
  if (field.type === 'boolean') return t(value === 'true' ? 'common.yes' : 'common.no');
  const values = operator === 'contains' || operator === 'prefix' ? [value] : splitValues(value);
  const one = (text: string) => {
    if (field.type === 'word') return wordLabel(t, text as Word);
    if (field.type === 'integer' && text !== '') return formatQuantity(field.name, Number(text));
    if (field.type === 'time' && !Number.isNaN(Date.parse(text))) return formatTime(text);
    return text;
  };
  return values.map(one).join(', ');
}

function Chip({ filter, onEdit, onRemove }: { filter: Filter; onEdit: () => void; onRemove: () => void }) {
  const { t } = useTranslation();
  const { field, operator, value } = filter;
  const single = field.type === 'id' && operator !== 'exists' && !value.includes(',') ? value : undefined;
  const name = useName(isKind(field.kind) ? field.kind : 'vm', isKind(field.kind) ? single : undefined);
  const provider = useProviderName(field.kind === 'provider' ? single : undefined);
  const project = useProjectName(field.kind === 'project' ? single : undefined);
  const tenant = useTenantPath(field.kind === 'tenant' ? single : undefined);
  const shown = operator === 'exists' ? '' : (name ?? provider ?? project ?? tenant ?? words(t, filter));
  const condition = operator === 'exists' && value === 'false' ? t('operators.notExists') : operatorLabel(t, field, operator);
  const text = `${t(`fields.${field.name}`)} ${condition} ${shown}`.trim();
  return (
    <Label variant="outline" onClick={onEdit} onClose={onRemove} closeBtnAriaLabel={t('list.removeFilter', { label: text })} textMaxWidth="28rem">
      <span className="sp-muted">{t(`fields.${field.name}`)}</span> {condition} <strong>{shown}</strong>
    </Label>
  );
}
