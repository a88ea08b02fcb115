import { formatAge, formatTime } from '@/format/format';
import { useNow } from './useNow';

const PACE_MS = 5_000;

/** How long ago it was; the time itself on pointing at it. */
export function Age({ time }: { time: string }) {
  const now = useNow(PACE_MS);
  return (
    <time dateTime={time} title={formatTime(time)}>
      {formatAge(time, Math.max(now, Date.parse(time)))}
    </time>
  );
}
