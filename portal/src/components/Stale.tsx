// What is shown is only as true as its source: says so where it is not in step.
import { Tooltip } from '@patternfly/react-core';
import ClockIcon from '@patternfly/react-icons/dist/esm/icons/outlined-clock-icon';
import { useTranslation } from 'react-i18next';
import type { Word } from '@/api/gen/fields';
import { formatAge, formatTime } from '@/format/format';
import { useNow } from './useNow';

interface Observed {
  sync: Word;
  observed_at?: string | null;
}

export function Stale({ object, withText }: { object: Observed; withText?: boolean }) {
  const { t } = useTranslation();
  const now = useNow(5_000);
  if (object.sync === 'live' || object.sync === 'loading') return null;
  const seen = object.observed_at;
  const age = seen ? t('live.stale', { age: formatAge(seen, now) }) : t(`words.${object.sync}`);
  const hint = t('live.staleHint', { state: t(`words.${object.sync}`), time: seen ? formatTime(seen) : t('common.none') });
  return (
    <Tooltip content={hint}>
      <span className="sp-stale" tabIndex={0} aria-label={withText ? undefined : age} role={withText ? undefined : 'img'}>
        <ClockIcon />
        {withText && <span>{age}</span>}
      </span>
    </Tooltip>
  );
}
