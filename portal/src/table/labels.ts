import type { TFunction } from 'i18next';
import type { Field } from '@/api/gen/fields';
import type { Operator } from './address';

/** The condition in words. Times come after and before, they are not more or less. */
export function operatorLabel(t: TFunction, field: Field, operator: Operator): string {
  if (field.type === 'time' && (operator === 'gt' || operator === 'gte')) return t('operators.after');
  if (field.type === 'time' && (operator === 'lt' || operator === 'lte')) return t('operators.before');
  return t(`operators.${operator}`);
}
