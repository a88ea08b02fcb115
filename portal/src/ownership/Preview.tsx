// What a rule would do, before it is saved: how many machines fit it, and which would go where.
import { Alert, Card, CardBody, CardTitle, Skeleton } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { OwnerName } from '@/access/Names';
import { ACCESS } from '@/access/queries';
import { api, data } from '@/api/client';
import { ObjectLink } from '@/components/ObjectLink';
import { ProblemAlert } from '@/components/Problem';
import { bodyOf, canBeTried, type Values } from './rule';

/** How long nothing is typed before it is tried. */
const PAUSE_MS = 400;

function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

export function Preview({ id, values }: { id?: string; values: Values }) {
  const { t } = useTranslation();
  // A name that is taken is said when it is saved: here it does not matter.
  const name = useId();
  const settled = useSettled(values);
  const ready = canBeTried(values);
  const rule = { ...bodyOf(settled), name: `preview ${name}` };
  const { data: preview, error, isPlaceholderData } = useQuery({
    queryKey: [ACCESS, 'preview', id ?? '', rule],
    queryFn: ({ signal }) => data(api.POST('/v1/ownership-rules/preview', { body: { id: id ?? null, rule }, signal })),
    enabled: canBeTried(settled),
    placeholderData: keepPreviousData,
    staleTime: 0,
  });
  return (
    <Card isCompact className="sp-preview">
      <CardTitle component="h2">{t('ownership.preview')}</CardTitle>
      <CardBody>
        {!ready ? (
          <p className="sp-muted">{t('ownership.previewNotYet')}</p>
        ) : error ? (
          <ProblemAlert error={error} />
        ) : !preview ? (
          <Skeleton screenreaderText={t('common.loading')} />
        ) : (
          <div aria-busy={isPlaceholderData || settled !== values}>
            <Alert
              variant={preview.moving > 0 ? 'warning' : 'info'} variantLabel={t(preview.moving > 0 ? 'alerts.warning' : 'alerts.info')} isInline isPlain isLiveRegion component="h3"
              title={`${t('ownership.fitting', { count: preview.fitting })}${t('ownership.moving', { count: preview.moving })}`}
            >
              {!values.enabled && t('ownership.previewOff')}
            </Alert>
            {preview.moves.length > 0 && (
              <div className="sp-preview__moves">
                <Table variant="compact" gridBreakPoint="grid-md" aria-label={t('ownership.moves')}>
                  <Thead>
                    <Tr>
                      <Th>{t('kinds.vm.one')}</Th>
                      <Th>{t('ownership.from')}</Th>
                      <Th>{t('ownership.into')}</Th>
                    </Tr>
                  </Thead>
                  <Tbody>
                    {preview.moves.map((move) => (
                      <Tr key={move.vm_id}>
                        <Td dataLabel={t('kinds.vm.one')}><ObjectLink kind="vm" id={move.vm_id} name={move.name} /></Td>
                        <Td dataLabel={t('ownership.from')}><OwnerName owner={move.from} /></Td>
                        <Td dataLabel={t('ownership.into')}><OwnerName owner={move.to} /></Td>
                      </Tr>
                    ))}
                  </Tbody>
                </Table>
              </div>
            )}
            {preview.moving > preview.moves.length && <p className="sp-muted sp-small">{t('common.more', { count: preview.moving - preview.moves.length })}</p>}
          </div>
        )}
      </CardBody>
    </Card>
  );
}
