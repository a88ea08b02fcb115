// How far a page was scrolled is kept for the way back to it, as browsers do it with pages of old. A new page begins at its top.
import { useLayoutEffect, useRef } from 'react';
import { NavigationType, useLocation, useNavigationType } from 'react-router';

const places = new Map<string, number>();
/** Entries of the history that are remembered. */
const MOST = 200;

/** How far the entry of the history that is shown was scrolled; 0 for one that is new. */
export function placeOf(key: string): number {
  return places.get(key) ?? 0;
}

export function keepPlace(key: string, scrolled: number): void {
  places.delete(key);
  places.set(key, scrolled);
  if (places.size > MOST) places.delete(places.keys().next().value!);
}

/** Keeps the place of an element that scrolls, and goes there when `page` is come back to. */
export function useKeptPlace(element: () => HTMLElement | null, page: string): void {
  const { key } = useLocation();
  const type = useNavigationType();
  const shown = useRef<string>(undefined);
  useLayoutEffect(() => {
    const scroller = element();
    if (scroller && shown.current !== undefined && shown.current !== page) scroller.scrollTop = type === NavigationType.Pop ? placeOf(key) : 0;
    shown.current = page;
  });
  // Before the next picture: what the new page does to the place is not told of the one before.
  useLayoutEffect(() => {
    const scroller = element();
    const keep = () => scroller && keepPlace(key, scroller.scrollTop);
    scroller?.addEventListener('scroll', keep, { passive: true });
    return () => scroller?.removeEventListener('scroll', keep);
  });
}
