// One address of a provider: its state with why and since when, how far it is read, and how to mend it.
import { Alert, Card, CardBody, CardTitle, DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm } from '@patternfly/react-core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useMay } from '@/access/queries';
import { Age } from '@/components/Age';
import { Flash } from '@/components/Flash';
import { StateLabel } from '@/components/StateLabel';
import { wordLabel } from '@/components/FieldValue';
import { GatewayWords } from '@/components/GatewayWords';
import { formatNumber } from '@/format/format';
import { TrustCertificate } from './Fingerprint';
import type { Provider, Source } from './provider';
import { LoadProgress, Until } from './ProviderState';
import { useProviderActs } from './useActs';

export function SourceCard({ provider, source }: { provider: Provider; source: Source }) {
  const { t } = useTranslation();
  const may = useMay('provider.write');
  const { trust } = useProviderActs();
  const { sync, identity } = source;
  const look = sync.state === 'unreachable' ? 'danger' : 'warning';
  const fingerprint = sync.presented_thumbprint;
  return (
    <Card isCompact>
      <CardTitle component="h3">
        <span className="sp-source__title">
          <code className="sp-mono">{source.endpoint}</code>
          <Flash of={sync.state}>
            <StateLabel state={sync.state} />
          </Flash>
        </span>
      </CardTitle>
      <CardBody>
        <LoadProgress source={source} />
        {(sync.reason || sync.message) && (
          <Alert
            variant={look} variantLabel={t(`alerts.${look}`)} isInline isPlain component="h4" className="sp-source__why"
            title={sync.reason ? wordLabel(t, sync.reason) : t(`words.${sync.state}`)}
          >
            {sync.message && <GatewayWords message={sync.message} />}
          </Alert>
        )}
        {may && fingerprint && <TrustCertificate level="h4" fingerprint={fingerprint} onTrust={() => trust.mutate({ provider, fingerprint })} isPending={trust.isPending} />}
        <DescriptionList isHorizontal isCompact termWidth="9rem">
          {identity && <Entry term={t('providers.product')}>{`${identity.product} ${identity.version}`}</Entry>}
          <Entry term={t('providers.state')}>
            {t(`words.${sync.state}`)} <span className="sp-muted">(<Age time={sync.since} />)</span>
          </Entry>
          {sync.observed_at && (
            <Entry term={t('providers.age')}>
              <Age time={sync.observed_at} />
            </Entry>
          )}
          {sync.next_try_at && (
            <Entry term={t('providers.nextTry')}>
              <Until time={sync.next_try_at} />
            </Entry>
          )}
          {source.quarantined_count > 0 && <Entry term={t('providers.quarantined')}>{formatNumber(source.quarantined_count)}</Entry>}
        </DescriptionList>
      </CardBody>
    </Card>
  );
}

function Entry({ term, children }: { term: string; children: ReactNode }) {
  return (
    <DescriptionListGroup>
      <DescriptionListTerm>{term}</DescriptionListTerm>
      <DescriptionListDescription>{children}</DescriptionListDescription>
    </DescriptionListGroup>
  );
}
