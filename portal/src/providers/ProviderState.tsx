import { Icon, Label, Progress } from '@patternfly/react-core';
import InProgressIcon from '@patternfly/react-icons/dist/esm/icons/in-progress-icon';
import { useTranslation } from 'react-i18next';
import { StateLabel } from '@/components/StateLabel';
import { Flash } from '@/components/Flash';
import { formatAge, formatNumber, formatTime } from '@/format/format';
import { useNow } from '@/components/useNow';
import { statesOf, type Provider, type Source } from './provider';

/** The state of a provider: the only one, or each with how many sources are in it. */
export function ProviderState({ provider }: { provider: Provider }) {
  const { t } = useTranslation();
  if (provider.removing) {
    return (
      <span className="sp-state">
        <Icon status="warning" isInline>
          <InProgressIcon />
        </Icon>
        <span>{t('providers.removing')}</span>
      </span>
    );
  }
  const states = statesOf(provider);
  if (states.length <= 1) return <Flash of={states[0]?.state ?? ''}>{states[0] && <StateLabel state={states[0].state} />}</Flash>;
  return (
    <span className="sp-several">
      {states.map(({ state, count }) => (
        <span key={state} className="sp-several__one">
          <StateLabel state={state} />
          <Label isCompact>{formatNumber(count)}</Label>
        </span>
      ))}
    </span>
  );
}

/** When something will happen: counted down. */
export function Until({ time }: { time: string }) {
  const { t } = useTranslation();
  const now = useNow(1_000);
  return (
    <time dateTime={time} title={formatTime(time)}>
      {Date.parse(time) <= now ? t('providers.trying') : formatAge(time, now)}
    </time>
  );
}

/** How far the reading of a source is. Nothing when it is not being read. */
export function LoadProgress({ source }: { source: Source }) {
  const { t } = useTranslation();
  const { state, loaded, expected } = source.sync;
  if (state !== 'loading') return null;
  const label = expected ? t('providers.progress', { loaded: loaded ?? 0, expected }) : t('providers.progressOpen', { loaded: loaded ?? 0 });
  if (!expected) return <span className="sp-small sp-muted">{label}</span>;
  return <Progress value={Math.min(100, Math.round(((loaded ?? 0) / expected) * 100))} size="sm" measureLocation="outside" label={label} valueText={label} aria-label={source.endpoint} className="sp-provider__progress" />;
}
