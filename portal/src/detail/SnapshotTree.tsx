// A VM's snapshots as they were made upon each other, and where the VM stands.
import { EmptyState, EmptyStateBody, Label, Skeleton } from '@patternfly/react-core';
import CameraIcon from '@patternfly/react-icons/dist/esm/icons/camera-icon';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import type { Objects } from '@/api/gen/fields';
import { listQuery, loadMore } from '@/api/queries';
import { Age } from '@/components/Age';
import { ObjectLink } from '@/components/ObjectLink';
import { FullPageProblem } from '@/components/Problem';
import { forestOf, type Twig } from './snapshots';

export function SnapshotTree({ object: vm }: { object: Objects['vm'] }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const params = { vm_id: vm.id };
  const { data, error, refetch } = useQuery(listQuery('snapshot', params));
  const next = data?.next;
  useEffect(() => {
    if (next) loadMore(client, 'snapshot', { vm_id: vm.id }).catch(() => undefined);
  }, [client, vm.id, next]);
  if (error && !data) return <FullPageProblem error={error} onRetry={() => void refetch()} />;
  if (!data) return <Skeleton height="6rem" screenreaderText={t('common.loading')} />;
  if (data.rows.length === 0) {
    return (
      <EmptyState headingLevel="h2" icon={CameraIcon} titleText={t('topology.noSnapshots')} variant="sm">
        <EmptyStateBody>{t('topology.noSnapshotsHint')}</EmptyStateBody>
      </EmptyState>
    );
  }
  return (
    <div className="sp-snapshots">
      <Twigs twigs={forestOf(data.rows)} />
    </div>
  );
}

function Twigs({ twigs }: { twigs: readonly Twig[] }) {
  const { t } = useTranslation();
  return (
    <ul className="sp-twigs">
      {twigs.map(({ snapshot, children }) => (
        <li key={snapshot.id} className="sp-twig">
          <div className={`sp-twig__one ${snapshot.current ? 'sp-twig__one--current' : ''}`}>
            <span className="sp-muted" aria-hidden="true"><CameraIcon /></span>
            <ObjectLink kind="snapshot" id={snapshot.id} name={snapshot.name} />
            {snapshot.created_at && <span className="sp-muted sp-small"><Age time={snapshot.created_at} /></span>}
            {snapshot.memory && <Label isCompact>{t('topology.withMemory')}</Label>}
            {snapshot.quiesced && <Label isCompact>{t('topology.quiesced')}</Label>}
            {snapshot.current && <Label isCompact color="blue">{t('topology.youAreHere')}</Label>}
            {snapshot.description && <span className="sp-twig__words sp-muted sp-small">{snapshot.description}</span>}
          </div>
          {children.length > 0 && <Twigs twigs={children} />}
        </li>
      ))}
    </ul>
  );
}
