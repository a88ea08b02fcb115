// What a noun declares of itself. The list page, the detail page and the search read these declarations; a field of the API
// needs none: it can be shown as a column, filtered and sorted by from the day that it is in docs/openapi.json.
import type { ComponentType } from 'react';
import type { Kind, Objects } from '@/api/gen/fields';
import type { ListParams } from '@/api/client';
import type { en } from '@/i18n/en';

type Member<K extends Kind> = Extract<keyof Objects[K], string>;

/** A column, or an entry of a summary: a field by its name, or something of our own. */
export interface Cell<K extends Kind> {
  /** A field of the noun, or an own name. */
  readonly id: string;
  /** The key of its label, where it is no field. */
  readonly label?: keyof (typeof en)['detail'];
  /** The width to begin with, pixels. */
  readonly width?: number;
  /** How it is shown, where the field's own way does not do. */
  readonly Show?: ComponentType<{ object: Objects[K] }>;
}

export interface Section<K extends Kind> {
  readonly title: keyof (typeof en)['detail'];
  readonly fields: readonly (Member<K> | Cell<K>)[];
}

/** A tab of the detail page besides the summary and the platform's detail. */
export interface Tab<K extends Kind> {
  /** The last part of its address. */
  readonly id: string;
  /** A list of another noun that belongs to this object… */
  readonly list?: { readonly kind: Kind; readonly params: (object: Objects[K]) => ListParams; readonly hide?: readonly string[] };
  /** …or a component of its own, with the key of its label. */
  readonly label?: keyof (typeof en)['detail'];
  readonly Show?: ComponentType<{ object: Objects[K] }>;
  /** How many things are in it, where the object says so itself. */
  readonly count?: (object: Objects[K]) => number | null | undefined;
}

export interface Noun<K extends Kind> {
  readonly kind: K;
  /** The field with its main state. */
  readonly state?: Member<K>;
  /** The columns to begin with, after the name. */
  readonly columns: readonly (Member<K> | Cell<K>)[];
  readonly sections: readonly Section<K>[];
  readonly tabs?: readonly Tab<K>[];
  /** What stands above it, for the breadcrumbs: from the outermost. */
  readonly parents?: readonly { readonly kind: Kind; readonly field: Member<K> }[];
}

export function cellOf<K extends Kind>(cell: Member<K> | Cell<K>): Cell<K> {
  return typeof cell === 'string' ? { id: cell } : cell;
}
