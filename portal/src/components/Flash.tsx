import { useEffect, useRef, useState, type ReactNode } from 'react';

/** Shows its content, and for a moment that it has just changed. `of` is what is compared. */
export function Flash({ of, children }: { of: string; children: ReactNode }) {
  const before = useRef(of);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (before.current === of) return;
    before.current = of;
    setTurn((n) => n + 1);
  }, [of]);
  // Two animations of the same look take turns, so that a second change is shown too.
  return <span className={turn === 0 ? 'sp-cell' : `sp-cell sp-flash-${turn % 2}`} data-changed={turn || undefined}>{children}</span>;
}
