// The project that one works in: chosen in the masthead, kept in this browser. The lists of what belongs to projects show
// what is in it.
import { useQuery } from '@tanstack/react-query';
import { useMemo, useSyncExternalStore } from 'react';
import { projectsQuery, useMay } from '@/access/queries';
import type { ListParams } from '@/api/client';
import type { Kind } from '@/api/gen/fields';

const STORED = 'spandrel.project';
/** What can be in a project: machines, and what hangs on them. */
export const OWNED: readonly Kind[] = ['vm', 'volume', 'nic', 'snapshot'];
const listeners = new Set<() => void>();
/** Where nothing can be kept, it holds for this tab. */
let unkept: string | undefined;

function read(): string | undefined {
  try {
    return localStorage.getItem(STORED) ?? undefined;
  } catch {
    return unkept;
  }
}

export function chooseProject(id: string | undefined): void {
  unkept = id;
  try {
    if (id) localStorage.setItem(STORED, id);
    else localStorage.removeItem(STORED);
  } catch {
    // Then it is in `unkept`.
  }
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener('storage', listener);
  return () => {
    listeners.delete(listener);
    removeEventListener('storage', listener);
  };
}

/** The chosen project, if it is one that the reader sees; until that is known, what was chosen. */
export function useChosenProject(): string | undefined {
  const id = useSyncExternalStore(subscribe, read);
  const may = useMay('project.read');
  const { data: projects } = useQuery({ ...projectsQuery, enabled: may });
  if (!id || !may || (projects && !projects.some((project) => project.id === id))) return undefined;
  return id;
}

/** What a list of the inventory is narrowed to. */
export function useProjectFilter(kind: Kind): ListParams | undefined {
  const id = useChosenProject();
  return useMemo(() => (id && OWNED.includes(kind) ? { project_id: id } : undefined), [id, kind]);
}
