import { useCallback, useMemo } from 'react';
import { useSearchParams } from 'react-router';
import type { Kind } from '@/api/gen/fields';
import { readView, writeView, type View } from './address';

/** The view in the address, and how it is changed. Typing and dragging replace the entry of the history, a choice adds one. */
export function useView(kind: Kind): [View, (change: Partial<View>, replace?: boolean) => void] {
  const [search, setSearch] = useSearchParams();
  const view = useMemo(() => readView(kind, search), [kind, search]);
  const change = useCallback(
    (part: Partial<View>, replace = false) => {
      setSearch((now) => writeView({ ...readView(kind, now), ...part }), { replace, preventScrollReset: true });
    },
    [kind, setSearch],
  );
  return [view, change];
}
