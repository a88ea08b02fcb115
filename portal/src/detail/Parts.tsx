// What a VM is put together of, seen at once: its volumes and its NICs, by the fields that matter there.
import { Card, CardBody, CardTitle, Skeleton } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { FieldName, Kind, Objects } from '@/api/gen/fields';
import { listQuery } from '@/api/queries';
import { FieldValue, fieldOf, textOf, valueOf } from '@/components/FieldValue';
import { Flash } from '@/components/Flash';
import { FullPageProblem } from '@/components/Problem';

const SHOWN = {
  volume: ['name', 'capacity_bytes', 'allocated_bytes', 'format', 'thin', 'datastore_id'],
  nic: ['name', 'model', 'mac_address', 'network_id', 'connected', 'ip_addresses'],
} as const satisfies Partial<Record<Kind, readonly FieldName[]>>;

export function VmParts({ object }: { object: Objects['vm'] }) {
  const { t } = useTranslation();
  const params = { vm_id: object.id };
  const volumes = useQuery(listQuery('volume', params));
  const nics = useQuery(listQuery('nic', params));
  const failed = [volumes, nics].find(({ error, data }) => error && !data);
  if (failed) return <FullPageProblem error={failed.error} onRetry={() => void failed.refetch()} />;
  // Both at once, so that the first does not move the second.
  if (!volumes.data || !nics.data) return <Skeleton height="9rem" screenreaderText={t('common.loading')} />;
  return (
    <>
      <Parts kind="volume" rows={volumes.data.rows} />
      <Parts kind="nic" rows={nics.data.rows} />
    </>
  );
}

function Parts<K extends keyof typeof SHOWN>({ kind, rows }: { kind: K; rows: readonly Objects[K][] }) {
  const { t } = useTranslation();
  const fields = SHOWN[kind].flatMap((name) => fieldOf(kind, name) ?? []);
  const title = t(`kinds.${kind}.many`);
  return (
    <Card isCompact>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>
        {rows.length === 0 ? (
          <p className="sp-muted">{t('list.emptyWithin', { kind: t(`kinds.${kind}.inline`) })}</p>
        ) : (
          <Table variant="compact" borders={false} gridBreakPoint="grid-md" aria-label={title}>
            <Thead>
              <Tr>
                {fields.map((field) => (
                  <Th key={field.name}>{t(`fields.${field.name}`)}</Th>
                ))}
              </Tr>
            </Thead>
            <Tbody>
              {rows.map((row) => (
                <Tr key={row.id}>
                  {fields.map((field) => (
                    <Td key={field.name} dataLabel={t(`fields.${field.name}`)}>
                      <Flash of={textOf(valueOf(row, field))}>
                        <FieldValue kind={kind} object={row} field={field} most={2} copies />
                      </Flash>
                    </Td>
                  ))}
                </Tr>
              ))}
            </Tbody>
          </Table>
        )}
      </CardBody>
    </Card>
  );
}
