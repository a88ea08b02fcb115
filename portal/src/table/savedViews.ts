// Views of lists under names, kept in this browser. A view is its address, so that it is shared by its link as well.
import { useSyncExternalStore } from 'react';
import type { Kind } from '@/api/gen/fields';

export interface SavedView {
  name: string;
  /** The query of the address. */
  search: string;
}

type Store = Partial<Record<Kind, SavedView[]>>;

const STORED = 'spandrel.views';
const listeners = new Set<() => void>();
const NONE: readonly SavedView[] = [];
let text: string | null | undefined;
let store: Store = {};

function isView(value: unknown): value is SavedView {
  return typeof value === 'object' && value !== null && typeof (value as SavedView).name === 'string' && typeof (value as SavedView).search === 'string';
}

/** Reads what is stored. What is not of the known form is left out: it may be of another version. */
export function parseViews(stored: string | null): Store {
  try {
    const value: unknown = JSON.parse(stored ?? '{}');
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(Object.entries(value).map(([kind, views]) => [kind, Array.isArray(views) ? views.filter(isView) : []]));
  } catch {
    return {};
  }
}

function load(): Store {
  let now: string | null = text ?? null;
  try {
    now = localStorage.getItem(STORED);
  } catch {
    // Then they hold for this tab.
  }
  if (now !== text) {
    text = now;
    store = parseViews(now);
  }
  return store;
}

function change(kind: Kind, views: readonly SavedView[]): void {
  const next = { ...load(), [kind]: [...views] };
  const written = JSON.stringify(next);
  try {
    localStorage.setItem(STORED, written);
    text = written;
  } catch {
    // As above.
  }
  store = next;
  listeners.forEach((listener) => listener());
}

export function viewsOf(kind: Kind): readonly SavedView[] {
  return load()[kind] ?? NONE;
}

/** Keeps a view; one of the same name is replaced. */
export function saveView(kind: Kind, view: SavedView): void {
  const others = viewsOf(kind).filter((one) => one.name !== view.name);
  change(kind, [...others, view].sort((a, b) => a.name.localeCompare(b.name)));
}

export function deleteView(kind: Kind, name: string): void {
  change(kind, viewsOf(kind).filter((one) => one.name !== name));
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  // Another tab saved one.
  addEventListener('storage', listener);
  return () => {
    listeners.delete(listener);
    removeEventListener('storage', listener);
  };
}

export function useSavedViews(kind: Kind): readonly SavedView[] {
  return useSyncExternalStore(subscribe, () => viewsOf(kind));
}
