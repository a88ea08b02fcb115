import { useEffect } from 'react';

/** On a phone there is no room for all tabs: the one that is shown is in sight, also when a link led to it. */
export function useTabInSight(active: string): void {
  useEffect(() => {
    document.querySelector('.sp-detail__tabs .pf-m-current')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [active]);
}
