import { useTranslation } from 'react-i18next';
import { formatBytes } from '@/format/format';
import { Meter } from './Meter';

interface Space {
  capacity_bytes?: number | null;
  free_bytes?: number | null;
}

/** The used part of a space; undefined where the platform does not tell. */
export function usedShare({ capacity_bytes: capacity, free_bytes: free }: Space): number | undefined {
  if (!capacity || free === null || free === undefined) return undefined;
  return Math.min(1, Math.max(0, (capacity - free) / capacity));
}

/** How much of a space is used, as a bar and in figures. */
export function UsedSpace({ object }: { object: Space & { name: string } }) {
  const { t } = useTranslation();
  const share = usedShare(object);
  if (share === undefined) return <span className="sp-muted">{t('common.none')}</span>;
  const { capacity_bytes: capacity, free_bytes: free } = object as { capacity_bytes: number; free_bytes: number };
  return <Meter share={share} label={`${t('detail.used')}: ${object.name}`} text={`${formatBytes(capacity - free)} / ${formatBytes(capacity)}`} />;
}
