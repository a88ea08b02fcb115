// What an act would concern, said before it happens.
import { Content, ContentVariants, Skeleton } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ProblemAlert } from '@/components/Problem';
import { formatNumber } from '@/format/format';
import { impactQuery, type Impact } from './queries';

const COUNTED = ['tenants', 'projects', 'users', 'service_accounts', 'groups', 'bindings', 'ownership_rules', 'machines', 'volumes'] as const satisfies (keyof Impact)[];

export function useImpact(kind: 'tenant' | 'project', id: string) {
  // What was true a moment ago is not enough to decide by. Asked once for each time that it is shown: what is being removed is
  // not asked of again.
  const [since] = useState(() => Date.now());
  return useQuery({ ...impactQuery(kind, id), staleTime: 0, enabled: (query) => query.state.dataUpdatedAt < since });
}

/** The counts that are not zero. Takes its room before they are there. */
export function ImpactList({ kind, id, lead, nothing }: { kind: 'tenant' | 'project'; id: string; lead: string; nothing: string }) {
  const { t } = useTranslation();
  const { data: impact, error, isFetching } = useImpact(kind, id);
  if (error) return <ProblemAlert error={error} />;
  if (!impact || isFetching) return <div className="sp-impact"><Skeleton screenreaderText={t('common.loading')} /></div>;
  const held = COUNTED.filter((what) => impact[what] > 0);
  return (
    <Content className="sp-impact">
      <Content component={ContentVariants.p}>{held.length > 0 ? lead : nothing}</Content>
      {held.length > 0 && (
        <ul className="sp-removed">
          {held.map((what) => (
            <li key={what}>
              <strong>{formatNumber(impact[what])}</strong> {t(`access.impact.${what}`, { count: impact[what] })}
            </li>
          ))}
        </ul>
      )}
    </Content>
  );
}
