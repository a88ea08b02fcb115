// How many objects of each kind a provider holds: they move while it is read.
import { useQueries } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { ListParams } from '@/api/client';
import { paths, type Kind } from '@/api/gen/fields';
import { countQuery } from '@/api/queries';
import { Flash } from '@/components/Flash';
import { formatNumber } from '@/format/format';
import { kindIcons } from '@/nouns/icons';
import { FOUND } from './provider';

/** Counts by kind, of one provider or of all. */
export function useCounts(providerId?: string): ReadonlyMap<Kind, number | undefined> {
  const params: ListParams = providerId ? { provider_id: providerId } : {};
  const counts = useQueries({ queries: FOUND.map((kind) => countQuery(kind, params)) });
  return new Map(FOUND.map((kind, index) => [kind, counts[index]?.data]));
}

export function FoundCounts({ providerId }: { providerId?: string }) {
  const { t } = useTranslation();
  const counts = useCounts(providerId);
  return (
    <ul className="sp-found">
      {FOUND.map((kind) => {
        const count = counts.get(kind);
        const Icon = kindIcons[kind];
        return (
          <li key={kind} className={count ? 'sp-found__one' : 'sp-found__one sp-found__one--none'}>
            <Link to={`/${paths[kind]}${providerId ? `?provider_id=${providerId}` : ''}`} className="sp-found__link">
              <span className="sp-found__icon" aria-hidden="true">
                <Icon />
              </span>
              <span className="sp-found__number" data-kind={kind}>
                <Flash of={String(count ?? '')}>{count === undefined ? '\u00a0' : formatNumber(count)}</Flash>
              </span>
              <span className="sp-muted">{t(`kinds.${kind}.many`)}</span>
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
