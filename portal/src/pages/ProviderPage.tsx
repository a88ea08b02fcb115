import {
  Alert, Badge, Breadcrumb, BreadcrumbItem, Button, Card, CardBody, CardTitle, DescriptionList, DescriptionListDescription, DescriptionListGroup,
  DescriptionListTerm, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, Tab, Tabs, TabTitleText, Title,
} from '@patternfly/react-core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { useMay } from '@/access/queries';
import { Age } from '@/components/Age';
import { FullPageProblem } from '@/components/Problem';
import { Loading } from '@/components/Loading';
import { useTabInSight } from '@/components/useTabInSight';
import { useTitle } from '@/components/useTitle';
import { formatNumber } from '@/format/format';
import { Capabilities } from '@/providers/Capabilities';
import { Fingerprint } from '@/providers/Fingerprint';
import { FoundCounts } from '@/providers/FoundCounts';
import { History } from '@/providers/History';
import { quarantinedCount, useProvider, type Provider } from '@/providers/provider';
import { ProviderMenu } from '@/providers/ProviderMenu';
import { ProviderState } from '@/providers/ProviderState';
import { Quarantine } from '@/providers/Quarantine';
import { SourceCard } from '@/providers/SourceCard';
import { useProviderActs } from '@/providers/useActs';

const TABS = ['summary', 'history', 'quarantine', 'capabilities'] as const;
type TabName = (typeof TABS)[number];
/** The id of what a tab shows: all take turns in one place. */
const CONTENT = 'tab-content';

/** One platform: its addresses and how true they are, what was found, what was left out, what it can do. */
export function ProviderPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { id = '' } = useParams();
  const { provider, error, isPending, refetch } = useProvider(id);
  useTitle(provider?.name ?? t('providers.one'));
  if (isPending) return <Loading />;
  if (provider) return <Found key={id} provider={provider} />;
  if (error) return <FullPageProblem error={error} onRetry={() => void refetch()} />;
  return (
    <EmptyState headingLevel="h1" titleText={t('providers.gone')}>
      <EmptyStateBody>{t('providers.goneHint')}</EmptyStateBody>
      <EmptyStateFooter>
        <EmptyStateActions>
          <Button onClick={() => void navigate('/providers')}>{t('providers.toList')}</Button>
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}

export function ProviderCrumbs({ provider, children }: { provider?: Provider; children?: ReactNode }) {
  const { t } = useTranslation();
  return (
    <Breadcrumb aria-label={t('shell.breadcrumb')}>
      <BreadcrumbItem render={({ className }) => <Link className={className} to="/providers">{t('providers.title')}</Link>} />
      {provider && children && <BreadcrumbItem render={({ className }) => <Link className={className} to={`/providers/${provider.id}`}>{provider.name}</Link>} />}
      {provider && !children && <BreadcrumbItem isActive>{provider.name}</BreadcrumbItem>}
      {children && <BreadcrumbItem isActive>{children}</BreadcrumbItem>}
    </Breadcrumb>
  );
}

function Found({ provider }: { provider: Provider }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { tab = 'summary' } = useParams();
  const may = useMay('provider.write');
  const { resync, enable } = useProviderActs();
  const shown: TabName = TABS.includes(tab as TabName) ? (tab as TabName) : 'summary';
  useTabInSight(shown);
  const left = quarantinedCount(provider);
  return (
    <div className="sp-page">
      <ProviderCrumbs provider={provider} />
      <header className="sp-detail__head">
        <Title headingLevel="h1" size="2xl" className="sp-detail__name">
          {provider.name}
        </Title>
        <ProviderState provider={provider} />
        <span className="sp-muted">{t(`words.${provider.kind}`)}</span>
        {may && !provider.removing && (
          <div className="sp-head__acts">
            {provider.enabled ? (
              <Button variant="secondary" onClick={() => resync.mutate(provider)} isLoading={resync.isPending} spinnerAriaLabel={t('common.loading')} spinnerAriaValueText={t('common.loading')} isDisabled={resync.isPending}>
                {t('providers.resync')}
              </Button>
            ) : (
              <Button onClick={() => enable.mutate({ provider, enabled: true })} isLoading={enable.isPending} spinnerAriaLabel={t('common.loading')} spinnerAriaValueText={t('common.loading')} isDisabled={enable.isPending}>
                {t('providers.enable')}
              </Button>
            )}
            <Button variant="secondary" onClick={() => void navigate(`/providers/${provider.id}/edit`)}>
              {t('providers.edit')}
            </Button>
            <ProviderMenu provider={provider} />
          </div>
        )}
      </header>
      {provider.removing && (
        <Alert variant="warning" variantLabel={t('alerts.warning')} isInline component="h2" title={t('providers.removing')} className="sp-detail__gone">
          {t('providers.removingHint')}
        </Alert>
      )}
      {!provider.enabled && !provider.removing && <Alert variant="info" variantLabel={t('alerts.info')} isInline component="h2" title={t('providers.disabledHint')} className="sp-detail__gone" />}
      <Tabs
        activeKey={shown} onSelect={(_, to) => void navigate(`/providers/${provider.id}${to === 'summary' ? '' : `/${to}`}`)} className="sp-detail__tabs"
        aria-label={provider.name} backScrollAriaLabel={t('shell.tabsBack')} forwardScrollAriaLabel={t('shell.tabsForward')}
      >
        {TABS.map((name) => (
          <Tab
            key={name} eventKey={name} tabContentId={CONTENT}
            title={
              <TabTitleText>
                {t(`providers.tabs.${name}`)} {name === 'quarantine' && left > 0 && <Badge isRead>{formatNumber(left)}</Badge>}
              </TabTitleText>
            }
          />
        ))}
      </Tabs>
      <section id={CONTENT} role="tabpanel" aria-label={t(`providers.tabs.${shown}`)}>
        {shown === 'summary' && <Summary provider={provider} />}
        {shown === 'history' && <History provider={provider} />}
        {shown === 'quarantine' && <Quarantine provider={provider} />}
        {shown === 'capabilities' && <Capabilities provider={provider} />}
      </section>
    </div>
  );
}

function Summary({ provider }: { provider: Provider }) {
  const { t } = useTranslation();
  return (
    <div className="sp-provider">
      <section className="sp-provider__main">
        <Title headingLevel="h2" size="lg">
          {t('providers.sources')}
        </Title>
        <div className="sp-provider__sources">
          {provider.sources.map((source) => (
            <SourceCard key={source.id} provider={provider} source={source} />
          ))}
        </div>
        <Title headingLevel="h2" size="lg">
          {t('providers.found')}
        </Title>
        <FoundCounts providerId={provider.id} />
      </section>
      <Settings provider={provider} />
    </div>
  );
}

function Settings({ provider }: { provider: Provider }) {
  const { t } = useTranslation();
  const { thumbprint_sha256: fingerprint, ca_pem: authority } = provider.trust;
  const entries: [string, ReactNode][] = [
    [t('providers.platform'), t(`words.${provider.kind}`)],
    [t('providers.form.username'), provider.username ?? t('common.none')],
    [t('providers.form.password'), t(provider.has_password ? 'providers.passwordKept' : 'providers.passwordNone')],
    ...(provider.kind === 'vsphere'
      ? [[
          t('providers.certificate'),
          fingerprint ? (
            <>
              {t('providers.trustFingerprint')} <Fingerprint text={fingerprint} />
            </>
          ) : (
            t(authority ? 'providers.trustAuthority' : 'providers.trustSystem')
          ),
        ] as [string, ReactNode]]
      : []),
    [t('providers.created'), <Age key="created" time={provider.created_at} />],
    [t('providers.updated'), <Age key="updated" time={provider.updated_at} />],
  ];
  return (
    <Card isCompact className="sp-provider__settings">
      <CardTitle component="h2">{t('providers.settings')}</CardTitle>
      <CardBody>
        <DescriptionList isCompact>
          {entries.map(([term, value]) => (
            <DescriptionListGroup key={term}>
              <DescriptionListTerm>{term}</DescriptionListTerm>
              <DescriptionListDescription className="sp-anywhere">{value}</DescriptionListDescription>
            </DescriptionListGroup>
          ))}
        </DescriptionList>
      </CardBody>
    </Card>
  );
}
