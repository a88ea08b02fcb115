import { EmptyState, Label, Skeleton } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr, TreeRowWrapper } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { FullPageProblem } from '@/components/Problem';
import { ActsMenu } from './ActsMenu';
import { PLATFORM, tenantsQuery, useMay, type Tenant } from './queries';
import { useTenantActs } from './TenantDialogs';
import { twigsOf } from './tree';

export function TenantState({ tenant }: { tenant: Tenant }) {
  const { t } = useTranslation();
  return <Label isCompact color={tenant.state === 'active' ? 'green' : 'orange'}>{t(`access.tenants.states.${tenant.state}`)}</Label>;
}

/** All tenants that are seen, below one another. */
export function TenantTree() {
  const { t } = useTranslation();
  const { data: tenants, error, refetch } = useQuery(tenantsQuery);
  const may = useMay('tenant.write');
  const acts = useTenantActs();
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  if (error && !tenants) return <FullPageProblem error={error} onRetry={() => void refetch()} />;
  if (!tenants) return <Skeleton height="6rem" screenreaderText={t('common.loading')} />;
  if (tenants.length === 0) return <EmptyState headingLevel="h2" variant="sm" titleText={t('access.tenants.empty')} />;
  const toggle = (id: string) => setClosed((now) => new Set(now.has(id) ? [...now].filter((one) => one !== id) : [...now, id]));
  return (
    <Table isTreeTable variant="compact" gridBreakPoint="" aria-label={t('access.tenants.title')}>
      <Thead>
        <Tr>
          <Th>{t('access.name')}</Th>
          <Th modifier="fitContent">{t('access.tenants.state')}</Th>
          <Th visibility={['hidden', 'visibleOnLg']}>{t('access.description')}</Th>
          <Th screenReaderText={t('common.actions')} />
        </Tr>
      </Thead>
      <Tbody>
        {twigsOf(tenants, closed).map(({ tenant, level, place, below, hidden }, index) => {
          const name = tenant.id === PLATFORM ? t('access.platform') : tenant.name;
          const open = below > 0 && !closed.has(tenant.id);
          const props = {
            isExpanded: open, isHidden: hidden, 'aria-level': level, 'aria-posinset': place, 'aria-setsize': below,
            toggleAriaLabel: t(open ? 'access.tenants.close' : 'access.tenants.open', { name }),
          };
          return (
            <TreeRowWrapper key={tenant.id} row={{ props }} data-id={tenant.id}>
              <Td dataLabel={t('access.name')} treeRow={{ onCollapse: () => toggle(tenant.id), rowIndex: index, props }}>
                <Link to={`/tenants/${tenant.id}`} className="sp-anywhere">{name}</Link>
              </Td>
              <Td dataLabel={t('access.tenants.state')} modifier="fitContent"><TenantState tenant={tenant} /></Td>
              <Td dataLabel={t('access.description')} visibility={['hidden', 'visibleOnLg']} className="sp-anywhere">{tenant.description}</Td>
              <Td isActionCell>{may && <ActsMenu name={name} acts={acts(tenant)} />}</Td>
            </TreeRowWrapper>
          );
        })}
      </Tbody>
    </Table>
  );
}
