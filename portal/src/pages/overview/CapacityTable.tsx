// What each provider and cluster has, and what of it is given out.
import { Skeleton } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useName } from '@/api/names';
import { providersQuery } from '@/api/queries';
import { Meter } from '@/components/Meter';
import { ObjectLink } from '@/components/ObjectLink';
import { formatBytes, formatNumber, MIB } from '@/format/format';
import { kindIcons } from '@/nouns/icons';
import { useClusterSpace, type Capacity, type Figures, type Space } from './data';

/** Clusters shown of each provider: the largest. */
const MOST = 6;

interface Props {
  figures: Figures | undefined;
  space: ReadonlyMap<string, Space> | undefined;
}

export function CapacityTable({ figures, space }: Props) {
  const { t } = useTranslation();
  const { data: providers } = useQuery(providersQuery);
  const clusterSpace = useClusterSpace();
  if (!figures || !providers) return <Skeleton height="6rem" screenreaderText={t('common.loading')} />;
  if (providers.length === 0) return <p className="sp-muted">{t('overview.noCapacity')}</p>;
  return (
    <div className="sp-scroll" tabIndex={0} role="region" aria-label={t('overview.capacity')}>
      <Table variant="compact" borders={false} gridBreakPoint="" aria-label={t('overview.capacity')} className="sp-capacity">
        <Thead>
          <Tr>
            <Th>{t('overview.where')}</Th>
            <Th>{t('overview.cpu')}</Th>
            <Th>{t('overview.memory')}</Th>
            <Th>{t('overview.storage')}</Th>
          </Tr>
        </Thead>
        {providers.map((provider) => {
          const all = [...(figures.clusters.get(provider.id) ?? [])].sort((a, b) => b[1].memoryMib - a[1].memoryMib);
          return (
            <Tbody key={provider.id}>
              <Line name={provider.name} of={figures.providers.get(provider.id)} space={space?.get(provider.id)} isProvider>
                <strong>{provider.name}</strong>
              </Line>
              {all.slice(0, MOST).map(([id, capacity]) => (
                <ClusterLine key={id} id={id} of={capacity} space={clusterSpace?.get(id)} />
              ))}
              {all.length > MOST && (
                <Tr>
                  <Td colSpan={4} className="sp-capacity__cluster">
                    <Link to={`/clusters?provider_id=${provider.id}&sort=-memory_mib`}>{t('overview.moreClusters', { count: all.length - MOST })}</Link>
                  </Td>
                </Tr>
              )}
            </Tbody>
          );
        })}
      </Table>
    </div>
  );
}

function ClusterLine({ id, of, space }: { id: string; of: Capacity; space: Space | undefined }) {
  const name = useName('cluster', id);
  const Icon = kindIcons.cluster;
  return (
    <Line name={name ?? ''} of={of} space={space}>
      <span className="sp-capacity__cluster">
        <span className="sp-muted" aria-hidden="true">
          <Icon />
        </span>
        <ObjectLink kind="cluster" id={id} />
      </span>
    </Line>
  );
}

function Line({ name, of, space, isProvider, children }: { name: string; of: Capacity | undefined; space?: Space; isProvider?: boolean; children: ReactNode }) {
  const { t } = useTranslation();
  const none = <span className="sp-muted">{isProvider ? t('common.none') : ''}</span>;
  const bytes = (mib: number) => formatBytes(mib * MIB);
  return (
    <Tr className={isProvider ? 'sp-capacity__provider' : undefined}>
      <Td>
        <span className="sp-capacity__name">
          {children}
          <span className={`sp-muted sp-small ${isProvider ? '' : 'sp-capacity__hosts'}`}>{t('overview.hosts', { count: of?.hosts ?? 0 })}</span>
        </span>
      </Td>
      <Td>
        {of?.cores ? (
          // More vCPUs than cores are usual.
          <Measured text={t('overview.cpuText', { vcpus: formatNumber(of.vcpus), cores: formatNumber(of.cores) })} share={of.vcpus / of.cores} label={`${t('overview.cpu')}: ${name}`} minds={false} />
        ) : none}
      </Td>
      <Td>
        {of?.memoryMib ? <Measured text={`${bytes(of.givenMib)} / ${bytes(of.memoryMib)}`} share={of.givenMib / of.memoryMib} label={`${t('overview.memory')}: ${name}`} /> : none}
      </Td>
      <Td>
        {space?.capacity ? (
          <Measured text={`${formatBytes(space.capacity - space.free)} / ${formatBytes(space.capacity)}`} share={(space.capacity - space.free) / space.capacity} label={`${t('overview.storage')}: ${name}`} />
        ) : none}
      </Td>
    </Tr>
  );
}

function Measured(props: { text: string; share: number; label: string; minds?: boolean }) {
  return (
    <span className="sp-measured">
      <Meter {...props} />
      <span className="sp-muted sp-small" title={props.text}>{props.text}</span>
    </span>
  );
}
