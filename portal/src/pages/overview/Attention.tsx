// What a person should look at, the worst first, each with the way to it.
import { Icon, Skeleton } from '@patternfly/react-core';
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon';
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon';
import ExclamationTriangleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon';
import InfoCircleIcon from '@patternfly/react-icons/dist/esm/icons/info-circle-icon';
import { useQueries, useQuery } from '@tanstack/react-query';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { paths } from '@/api/gen/fields';
import { countQuery, providersQuery } from '@/api/queries';
import { usedShare } from '@/components/UsedSpace';
import { formatShare } from '@/format/format';
import type { Provider } from '@/live/stream';
import { CHECKS, type Status } from './checks';
import { useDatastores } from './data';

interface Item {
  key: string;
  status: Status;
  text: string;
  to: string;
}

const looks = { danger: ExclamationCircleIcon, warning: ExclamationTriangleIcon, info: InfoCircleIcon } as const;
const ORDER: Status[] = ['danger', 'warning', 'info'];

const NEARLY_FULL = 0.9;
/** Datastores that are named one by one. */
const NAMED = 4;

export function Attention() {
  const { t } = useTranslation();
  const { data: providers } = useQuery(providersQuery);
  const counts = useQueries({ queries: CHECKS.map(({ kind, params }) => countQuery(kind, params)) });
  const full = useNearlyFull(t);
  const items: Item[] = [
    ...(providers ?? []).flatMap((provider) => ofProvider(t, provider)),
    ...CHECKS.flatMap(({ kind, params, status, text }, at): Item[] => {
      const count = counts[at]?.data ?? 0;
      return count ? [{ key: text, status, text: t(`overview.checks.${text}`, { count }), to: `/${paths[kind]}?${new URLSearchParams(params)}` }] : [];
    }),
    ...full,
  ].sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status));
  if (!providers || counts.some((count) => count.isPending)) return <Skeleton height="1.5rem" screenreaderText={t('common.loading')} />;
  if (items.length === 0) {
    return (
      <p className="sp-attention__one">
        <Icon status="success"><CheckCircleIcon /></Icon>
        {t('overview.allWell')}
      </p>
    );
  }
  return (
    <ul className="sp-attention">
      {items.map(({ key, status, text, to }) => {
        const Shape = looks[status];
        return (
          <li key={key} className="sp-attention__one">
            <Icon status={status}><Shape aria-label={t(`overview.status.${status}`)} role="img" /></Icon>
            <Link to={to}>{text}</Link>
          </li>
        );
      })}
    </ul>
  );
}

function ofProvider(t: TFunction, provider: Provider): Item[] {
  const to = `/providers/${provider.id}`;
  const name = provider.name;
  const items: Item[] = [];
  const down = provider.sources.filter(({ sync }) => sync.state === 'unreachable');
  const lagging = provider.sources.filter(({ sync }) => sync.state === 'lagging');
  const reason = [...down, ...lagging].find(({ sync }) => sync.reason)?.sync.reason;
  const because = reason ? `: ${t(`words.${reason}`)}` : '';
  if (down.length > 0) {
    const text = provider.sources.length > 1 ? t('overview.sourcesDown', { name, count: down.length, total: provider.sources.length }) : t('overview.providerDown', { name });
    items.push({ key: `${provider.id} down`, status: 'danger', text: text + because, to });
  }
  if (lagging.length > 0) items.push({ key: `${provider.id} lags`, status: 'warning', text: t('overview.providerLags', { name }) + because, to });
  const quarantined = provider.sources.reduce((sum, source) => sum + source.quarantined_count, 0);
  if (quarantined > 0) items.push({ key: `${provider.id} quarantine`, status: 'warning', text: t('overview.quarantined', { name, count: quarantined }), to: `${to}/quarantine` });
  return items;
}

/** The nearly full datastores. */
function useNearlyFull(t: TFunction): Item[] {
  const all = useDatastores();
  const full = (all?.stores ?? [])
    .filter((store) => !store.datastore_cluster)
    .flatMap((store) => ({ store, share: usedShare(store) ?? 0 }))
    .filter(({ share }) => share >= NEARLY_FULL)
    .sort((a, b) => b.share - a.share);
  const named = full.slice(0, NAMED).map(({ store, share }): Item => ({
    key: store.id, status: 'warning', text: t('overview.nearlyFull', { name: store.name, share: formatShare(share) }), to: `/datastores/${store.id}`,
  }));
  const others = full.length - named.length;
  return others > 0 ? [...named, { key: 'full', status: 'warning', text: t('overview.moreFull', { count: others }), to: '/datastores?sort=free_bytes' }] : named;
}
