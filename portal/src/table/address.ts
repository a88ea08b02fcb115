// A list's state is its address: filters and order by the API's own names, and besides them which columns are shown and how
// wide. So a view is shared, kept and gone back to as any page is.
import type { ListParams } from '@/api/client';
import { fields, type Field, type Kind } from '@/api/gen/fields';

export const OPERATORS = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'contains', 'prefix', 'exists'] as const;
export type Operator = (typeof OPERATORS)[number];

export interface Filter {
  field: Field;
  operator: Operator;
  /** As the API takes it: several values with commas between, a comma within one as `\,`. */
  value: string;
}

export interface View {
  q: string;
  filters: Filter[];
  /** As the API takes it; empty for the order by name. */
  sort: string;
  /** The columns after the name; `undefined` for those that the noun begins with. */
  columns: string[] | undefined;
  widths: Record<string, number>;
}

const COLUMNS = 'columns';
const WIDTHS = 'widths';
const OWN = new Set(['q', 'sort', COLUMNS, WIDTHS]);

/** The operators that the API has for a field. */
export function operatorsOf(field: Field): readonly Operator[] {
  switch (field.type) {
    case 'integer':
      return ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'exists'];
    case 'time':
      return ['gte', 'lte', 'exists'];
    case 'text':
      return ['contains', 'prefix', 'eq', 'ne', 'exists'];
    case 'boolean':
      return ['eq', 'exists'];
    case 'word':
    case 'id':
      return ['eq', 'ne', 'exists'];
  }
}

/** Splits at commas that do not belong to a value. */
export function splitValues(text: string): string[] {
  const values: string[] = [];
  let value = '';
  for (let index = 0; index < text.length; index += 1) {
    const letter = text[index];
    if (letter === '\\' && index + 1 < text.length) {
      index += 1;
      value += text[index];
    } else if (letter === ',') {
      values.push(value);
      value = '';
    } else value += letter;
  }
  values.push(value);
  return values;
}

export function joinValues(values: readonly string[]): string {
  return values.map((value) => value.replace(/[\\,]/g, '\\$&')).join(',');
}

export function parameterOf({ field, operator }: Pick<Filter, 'field' | 'operator'>): string {
  return operator === 'eq' ? field.name : `${field.name}.${operator}`;
}

/** Reads an address. What is no field of the noun is left out: an old link shows what it still can. */
export function readView(kind: Kind, search: URLSearchParams): View {
  const filters: Filter[] = [];
  for (const [name, value] of search) {
    if (OWN.has(name)) continue;
    const [fieldName, operator = 'eq'] = name.split('.');
    const field = fields[kind].find((one) => one.name === fieldName && one.filter !== false);
    if (field && (OPERATORS as readonly string[]).includes(operator)) filters.push({ field, operator: operator as Operator, value });
  }
  const columns = search.get(COLUMNS);
  const widths: Record<string, number> = {};
  for (const part of (search.get(WIDTHS) ?? '').split(',')) {
    const [column, width] = part.split(':');
    if (column && width && Number(width) > 0) widths[column] = Number(width);
  }
  return {
    q: search.get('q') ?? '',
    filters,
    sort: search.get('sort') ?? '',
    columns: columns === null ? undefined : columns.split(',').filter(Boolean),
    widths,
  };
}

/** The address of a view. */
export function writeView(view: View): URLSearchParams {
  const search = new URLSearchParams();
  if (view.q) search.set('q', view.q);
  for (const filter of view.filters) search.set(parameterOf(filter), filter.value);
  if (view.sort) search.set('sort', view.sort);
  if (view.columns) search.set(COLUMNS, view.columns.join(','));
  const widths = Object.entries(view.widths).map(([column, width]) => `${column}:${Math.round(width)}`);
  if (widths.length > 0) search.set(WIDTHS, widths.join(','));
  return search;
}

/** What the API is asked for a view, and always for this list. */
export function paramsOf(view: View, fixed: ListParams = {}): ListParams {
  const params: Record<string, string> = {};
  if (view.q.trim()) params.q = view.q.trim();
  for (const filter of view.filters) params[parameterOf(filter)] = filter.value;
  if (view.sort) params.sort = view.sort;
  return { ...params, ...fixed };
}
