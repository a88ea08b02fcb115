import { Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, Label, Title } from '@patternfly/react-core';
import PlusIcon from '@patternfly/react-icons/dist/esm/icons/plus-circle-icon';
import PlatformIcon from '@patternfly/react-icons/dist/esm/icons/connected-icon';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import { useMay } from '@/access/queries';
import { countQuery, providersQuery } from '@/api/queries';
import type { Kind } from '@/api/gen/fields';
import { Age } from '@/components/Age';
import { Flash } from '@/components/Flash';
import { Loading } from '@/components/Loading';
import { FullPageProblem } from '@/components/Problem';
import { StateLabel } from '@/components/StateLabel';
import { wordLabel } from '@/components/FieldValue';
import { useTitle } from '@/components/useTitle';
import { formatNumber } from '@/format/format';
import { nextTryAt, observedAt, quarantinedCount, type Provider, type Source } from '@/providers/provider';
import { ProviderMenu } from '@/providers/ProviderMenu';
import { LoadProgress, ProviderState, Until } from '@/providers/ProviderState';

const COUNTED = ['vm', 'host', 'datastore'] as const satisfies Kind[];

/** Every platform that is joined, and how true what is shown of it is. */
export function Providers() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  useTitle(t('providers.title'));
  const may = useMay('provider.write');
  const { data: providers, error, refetch } = useQuery(providersQuery);
  return (
    <div className="sp-page">
      <header className="sp-head">
        <div>
          <Title headingLevel="h1" size="2xl">
            {t('providers.title')}
          </Title>
          <p className="sp-muted">{t('providers.lead')}</p>
        </div>
        {may && providers && providers.length > 0 && (
          <Button icon={<PlusIcon />} onClick={() => void navigate('/providers/new')}>
            {t('providers.add')}
          </Button>
        )}
      </header>
      {error && !providers ? (
        <FullPageProblem error={error} onRetry={() => void refetch()} />
      ) : !providers ? (
        <Loading />
      ) : providers.length === 0 ? (
        <EmptyState headingLevel="h2" icon={PlatformIcon} titleText={t('providers.empty')}>
          {may && <EmptyStateBody>{t('providers.emptyHint')}</EmptyStateBody>}
          {may && <EmptyStateFooter>
            <EmptyStateActions>
              <Button onClick={() => void navigate('/providers/new')}>{t('providers.add')}</Button>
            </EmptyStateActions>
            <EmptyStateActions>
              <Button variant="link" onClick={() => void navigate('/first-run')}>
                {t('providers.firstRun')}
              </Button>
            </EmptyStateActions>
          </EmptyStateFooter>}
        </EmptyState>
      ) : (
        <ProviderTable providers={providers} />
      )}
    </div>
  );
}

function ProviderTable({ providers }: { providers: readonly Provider[] }) {
  const { t } = useTranslation();
  return (
    <Table variant="compact" gridBreakPoint="grid-lg" aria-label={t('providers.title')} className="sp-providers">
      <Thead>
        <Tr>
          <Th modifier="nowrap">{t('providers.form.name')}</Th>
          <Th modifier="nowrap">{t('providers.platform')}</Th>
          <Th modifier="nowrap">{t('providers.state')}</Th>
          <Th modifier="nowrap">{t('providers.age')}</Th>
          {COUNTED.map((kind) => (
            <Th key={kind} modifier="nowrap">{t(`kinds.${kind}.many`)}</Th>
          ))}
          <Th modifier="nowrap">{t('providers.quarantined')}</Th>
          <Th modifier="nowrap">{t('providers.nextTry')}</Th>
          <Th screenReaderText={t('common.actions')} />
        </Tr>
      </Thead>
      {providers.map((provider) => (
        <Tbody key={provider.id}>
          <ProviderRow provider={provider} />
          {provider.sources.length > 1 && !provider.removing && provider.sources.map((source) => <SourceRow key={source.id} source={source} />)}
        </Tbody>
      ))}
    </Table>
  );
}

function ProviderRow({ provider }: { provider: Provider }) {
  const { t } = useTranslation();
  const seen = observedAt(provider);
  const next = nextTryAt(provider);
  const left = quarantinedCount(provider);
  const only = provider.sources.length === 1 ? provider.sources[0] : undefined;
  return (
    <Tr data-id={provider.id}>
      <Td dataLabel={t('providers.form.name')}>
        <Link to={`/providers/${provider.id}`}>{provider.name}</Link>
        <div className="sp-muted sp-small sp-anywhere">
          {only ? only.endpoint : t('providers.endpoints', { count: provider.sources.length })}
        </div>
      </Td>
      <Td dataLabel={t('providers.platform')}>{t(`words.${provider.kind}`)}</Td>
      <Td dataLabel={t('providers.state')}>
        <ProviderState provider={provider} />
        {only && !provider.removing && <Why source={only} />}
      </Td>
      <Td dataLabel={t('providers.age')}>{seen ? <Age time={seen} /> : t('common.none')}</Td>
      {COUNTED.map((kind) => (
        <Td key={kind} dataLabel={t(`kinds.${kind}.many`)}>
          <Count kind={kind} providerId={provider.id} />
        </Td>
      ))}
      <Td dataLabel={t('providers.quarantined')}>
        {left > 0 ? <Link to={`/providers/${provider.id}/quarantine`}>{formatNumber(left)}</Link> : formatNumber(0)}
      </Td>
      <Td dataLabel={t('providers.nextTry')}>{next ? <Until time={next} /> : t('common.none')}</Td>
      <Td isActionCell>
        <ProviderMenu provider={provider} />
      </Td>
    </Tr>
  );
}

/** A source of a provider that has several. */
function SourceRow({ source }: { source: Source }) {
  const { t } = useTranslation();
  const { sync } = source;
  return (
    <Tr>
      <Td dataLabel={t('providers.endpoint')} colSpan={2}>
        <span className="sp-providers__source sp-mono sp-anywhere">{source.endpoint}</span>
      </Td>
      <Td dataLabel={t('providers.state')}>
        <Flash of={sync.state}>
          <StateLabel state={sync.state} />
        </Flash>
        <Why source={source} />
      </Td>
      <Td dataLabel={t('providers.age')}>{sync.observed_at ? <Age time={sync.observed_at} /> : t('common.none')}</Td>
      <Td colSpan={COUNTED.length} className="sp-providers__nothing" />
      <Td dataLabel={t('providers.quarantined')}>{formatNumber(source.quarantined_count)}</Td>
      <Td dataLabel={t('providers.nextTry')}>{sync.next_try_at ? <Until time={sync.next_try_at} /> : t('common.none')}</Td>
      <Td />
    </Tr>
  );
}

function Why({ source }: { source: Source }) {
  const { t } = useTranslation();
  const { reason } = source.sync;
  if (source.sync.state === 'loading') return <LoadProgress source={source} />;
  return reason ? <Label isCompact variant="outline">{wordLabel(t, reason)}</Label> : null;
}

function Count({ kind, providerId }: { kind: Kind; providerId: string }) {
  const { data: count } = useQuery(countQuery(kind, { provider_id: providerId }));
  return <Flash of={String(count ?? '')}>{count === undefined ? '\u00a0' : formatNumber(count)}</Flash>;
}
