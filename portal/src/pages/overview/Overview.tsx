// What there is, as it is now: how the platforms stand, what they hold and have left, what needs attention, what happens.
import { Card, CardBody, CardTitle, Skeleton, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { paths, type Kind } from '@/api/gen/fields';
import { useMay } from '@/access/queries';
import { countQuery } from '@/api/queries';
import { Flash } from '@/components/Flash';
import { FullPageProblem } from '@/components/Problem';
import { useTitle } from '@/components/useTitle';
import { formatNumber } from '@/format/format';
import { kindIcons } from '@/nouns/icons';
import { Attention } from './Attention';
import { CapacityTable } from './CapacityTable';
import { useAnswers, useFigures, useSpace } from './data';
import { Power } from './Power';
import { Providers } from './Providers';
import { Recent } from './Recent';

const SHOWN: Kind[] = ['vm', 'host', 'cluster', 'datastore', 'network', 'image', 'volume', 'snapshot'];
const EVERYTHING = {};

export function Overview() {
  const { t } = useTranslation();
  useTitle(t('overview.title'));
  const { isPending, error, again } = useAnswers();
  // Who sees machines of a tenant only is told nothing of what they run on.
  const seesProviders = useMay('provider.read');
  const figures = useFigures();
  const space = useSpace();
  return (
    <div className="sp-page">
      <Title headingLevel="h1" size="2xl" className="sp-page__title">
        {t('overview.title')}
      </Title>
      <nav className="sp-counts" aria-label={t('overview.counts')}>
        {SHOWN.map((kind) => (
          <Count key={kind} kind={kind} />
        ))}
      </nav>
      {isPending ? <Skeleton height="24rem" screenreaderText={t('common.loading')} /> : error ? <FullPageProblem error={error} onRetry={again} /> : (
        <div className="sp-overview">
          <div className="sp-overview__main">
            {seesProviders && (
              <Section title={t('overview.providers')}>
                <Providers figures={figures} space={space} />
              </Section>
            )}
            <Section title={t('overview.power')}>
              <Power figures={figures} />
            </Section>
            {seesProviders && (
              <Section title={t('overview.capacity')} hint={t('overview.capacityHint')}>
                <CapacityTable figures={figures} space={space} />
              </Section>
            )}
          </div>
          <div className="sp-overview__side">
            <Section title={t('overview.attention')}>
              <Attention />
            </Section>
            <Section title={t('overview.recent')}>
              <Recent />
            </Section>
          </div>
        </div>
      )}
    </div>
  );
}

function Section({ title, hint, children }: { title: string; hint?: string; children: ReactNode }) {
  return (
    <Card isCompact component="section" className="sp-overview__card">
      <CardTitle component="h2">
        {title}
        {hint && <span className="sp-overview__hint sp-muted sp-small">{hint}</span>}
      </CardTitle>
      <CardBody>{children}</CardBody>
    </Card>
  );
}

function Count({ kind }: { kind: Kind }) {
  const { t } = useTranslation();
  const { data: count } = useQuery(countQuery(kind, EVERYTHING));
  const Icon = kindIcons[kind];
  return (
    <Link to={`/${paths[kind]}`} className="sp-count">
      <span className="sp-count__icon" aria-hidden="true">
        <Icon />
      </span>
      <span className="sp-count__number">
        <Flash of={String(count ?? '')}>{count === undefined ? '\u00a0' : formatNumber(count)}</Flash>
      </span>
      <span className="sp-count__kind sp-muted">{t(`kinds.${kind}.many`)}</span>
    </Link>
  );
}
