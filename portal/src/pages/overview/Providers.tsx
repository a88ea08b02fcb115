// How each joined platform stands: the state of its sources, how old its facts are, what it holds.
import { Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, Progress, ProgressMeasureLocation, Skeleton } from '@patternfly/react-core';
import PluggedIcon from '@patternfly/react-icons/dist/esm/icons/plug-icon';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Word } from '@/api/gen/fields';
import { providersQuery } from '@/api/queries';
import { Age } from '@/components/Age';
import { Flash } from '@/components/Flash';
import { GatewayWords } from '@/components/GatewayWords';
import { StateLabel } from '@/components/StateLabel';
import { formatNumber } from '@/format/format';
import type { Provider } from '@/live/stream';
import type { Figures, Space } from './data';

/** From what is to be minded most. */
const ORDER: Word[] = ['unreachable', 'lagging', 'connecting', 'loading', 'disabled', 'live'];

interface Props {
  figures: Figures | undefined;
  space: ReadonlyMap<string, Space> | undefined;
}

export function Providers({ figures, space }: Props) {
  const { t } = useTranslation();
  const { data: providers } = useQuery(providersQuery);
  if (!providers) return <Skeleton height="4rem" screenreaderText={t('common.loading')} />;
  if (providers.length === 0) {
    return (
      <EmptyState headingLevel="h3" icon={PluggedIcon} titleText={t('overview.noProviders')} variant="sm">
        <EmptyStateBody>{t('overview.noProvidersHint')}</EmptyStateBody>
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button variant="primary" component={(props) => <Link {...props} to="/providers" />}>
              {t('overview.toProviders')}
            </Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      </EmptyState>
    );
  }
  return (
    <ul className="sp-platforms">
      {providers.map((provider) => (
        <One key={provider.id} provider={provider} figures={figures} space={space?.get(provider.id)} />
      ))}
    </ul>
  );
}

function One({ provider, figures, space }: { provider: Provider; figures: Figures | undefined; space: Space | undefined }) {
  const { t } = useTranslation();
  const states = new Map<Word, number>();
  for (const { sync } of provider.sources) states.set(sync.state, (states.get(sync.state) ?? 0) + 1);
  const shown = ORDER.filter((state) => states.has(state));
  const products = [...new Set(provider.sources.flatMap(({ identity }) => (identity ? [`${identity.product} ${identity.version.split(' ')[0]}`] : [])))];
  const loading = provider.sources.filter(({ sync }) => sync.state === 'loading');
  const expected = loading.reduce((sum, { sync }) => sum + (sync.expected ?? 0), 0);
  const loaded = loading.reduce((sum, { sync }) => sum + (sync.loaded ?? 0), 0);
  const old = provider.sources.filter(({ sync }) => sync.state !== 'live' && sync.state !== 'loading').flatMap(({ sync }) => sync.observed_at ?? []).sort()[0];
  const message = provider.sources.find(({ sync }) => sync.state !== 'live' && sync.message)?.sync;
  const figure = figures?.providers.get(provider.id);
  const counts = [
    ['vm', figure?.vms, `/vms?provider_id=${provider.id}`],
    ['host', figure?.hosts, `/hosts?provider_id=${provider.id}`],
    ['datastore', space?.count, `/datastores?provider_id=${provider.id}&datastore_cluster=false`],
  ] as const;
  return (
    <li className="sp-platform">
      <div className="sp-platform__who">
        <Link to={`/providers/${provider.id}`} className="sp-platform__name">{provider.name}</Link>
        <span className="sp-muted sp-small">{products.join(', ') || t(`words.${provider.kind}`)}</span>
      </div>
      <div className="sp-platform__state">
        {provider.enabled ? (
          shown.map((state) => (
            <Flash key={state} of={state}>
              <StateLabel state={state} />
              {provider.sources.length > 1 && <span className="sp-muted">&nbsp;{formatNumber(states.get(state) ?? 0)}</span>}
            </Flash>
          ))
        ) : (
          <StateLabel state="disabled" />
        )}
        <span className="sp-muted sp-small">
          {old ? (
            <>
              {t('overview.factsFrom')} <Age time={old} />
            </>
          ) : (
            shown[0] === 'live' && t('overview.inStep')
          )}
        </span>
      </div>
      <ul className="sp-platform__counts">
        {counts.map(([kind, count, to]) => (
          <li key={to}>
            <Link to={to}>
              <strong>{count === undefined ? '\u00a0' : formatNumber(count)}</strong> <span>{t(count === 1 ? `kinds.${kind}.one` : `kinds.${kind}.many`)}</span>
            </Link>
          </li>
        ))}
      </ul>
      {loading.length > 0 && (
        <Progress
          className="sp-platform__progress" size="sm" value={loaded} max={Math.max(expected, loaded, 1)} measureLocation={ProgressMeasureLocation.outside}
          aria-label={t('overview.loading', { name: provider.name })} label={`${formatNumber(loaded)}${expected ? ` / ${formatNumber(expected)}` : ''}`}
        />
      )}
      {message?.message && (
        <p className="sp-platform__message sp-small">
          <GatewayWords message={message.message} />
        </p>
      )}
    </li>
  );
}
