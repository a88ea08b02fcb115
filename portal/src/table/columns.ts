// The columns of a noun's table: those that it declares, and every other field of the API.
import type { ComponentType } from 'react';
import type { TFunction } from 'i18next';
import { fields, type Field, type Kind, type Objects } from '@/api/gen/fields';
import { nounOf } from '@/nouns';
import { cellOf, type Cell } from '@/nouns/noun';

export interface Column<K extends Kind> {
  id: string;
  field: Field | undefined;
  label: string;
  width: number;
  Show: ComponentType<{ object: Objects[K] }> | undefined;
}

export const NAME = 'name';
const NAME_WIDTH = 260;
const widthByType = { text: 180, word: 130, integer: 120, boolean: 110, id: 180, time: 140 } as const;
export const MIN_WIDTH = 70;
export const MAX_WIDTH = 900;

/** What the head of a column needs at least: its words in either script, and the mark of the order. */
function headWidth(label: string): number {
  const letters = [...label].reduce((sum, letter) => sum + (letter > '\u2e7f' ? 14 : 7.5), 0);
  return Math.ceil(letters) + 72;
}

/** Every column that there is for a noun, the declared ones first. */
export function allColumns<K extends Kind>(kind: K, t: TFunction): Column<K>[] {
  const noun = nounOf(kind);
  const declared = new Map(noun.columns.map((cell) => cellOf<K>(cell)).map((cell) => [cell.id, cell]));
  const others = fields[kind].map((field) => field.name).filter((name) => name !== NAME && !declared.has(name));
  const make = (cell: Cell<K>): Column<K> => {
    const field = fields[kind].find((one) => one.name === cell.id);
    const column = {
      id: cell.id,
      field,
      label: cell.label ? t(`detail.${cell.label}`) : field ? t(`fields.${field.name}`) : cell.id,
      width: 0,
      Show: cell.Show,
    };
    column.width = Math.max(cell.width ?? (field ? widthByType[field.type] : 160), headWidth(column.label));
    return column;
  };
  return [make({ id: NAME, width: NAME_WIDTH }), ...[...declared.values()].map(make), ...others.map((id) => make({ id }))];
}

/** The columns that are shown: the name, and those that were chosen or declared, in their order. */
export function shownColumns<K extends Kind>(kind: K, all: readonly Column<K>[], chosen: readonly string[] | undefined, hide: readonly string[] = []): Column<K>[] {
  const ids = chosen ?? nounOf(kind).columns.map((cell) => cellOf<K>(cell).id).filter((id) => !hide.includes(id));
  return [NAME, ...ids].flatMap((id) => all.find((column) => column.id === id) ?? []);
}
