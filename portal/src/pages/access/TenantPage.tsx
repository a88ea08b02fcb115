import { Alert } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { ActsMenu } from '@/access/ActsMenu';
import { Bindings } from '@/access/Bindings';
import { Facts, Head, OneOf, TabsOf, type TabOf } from '@/access/Details';
import { GroupList, ProjectList, RoleList, UserList } from '@/access/lists';
import { TenantName } from '@/access/Names';
import { PLATFORM, tenantQuery, useMay, type Tenant } from '@/access/queries';
import { Quotas } from '@/access/Quotas';
import { useTenantActs } from '@/access/TenantDialogs';
import { TenantState } from '@/access/TenantTree';
import { WhyButton } from '@/access/WhyButton';
import { useAuditFact } from '@/audit/AuditLinks';
import { Age } from '@/components/Age';
import { CopyText } from '@/components/CopyText';

/** One tenant: what it is, and who and what is in it. */
export function TenantPage() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const query = useQuery(tenantQuery(id));
  return (
    <OneOf query={query} path="/tenants" title={t('access.tenants.title')}>
      {(tenant) => <Found tenant={tenant} />}
    </OneOf>
  );
}

function Found({ tenant }: { tenant: Tenant }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const acts = useTenantActs();
  const may = { write: useMay('tenant.write'), projects: useMay('project.read'), members: useMay('member.read'), roles: useMay('role.read'), bindings: useMay('binding.read'), quotas: useMay('quota.read') };
  const name = tenant.id === PLATFORM ? t('access.platform') : tenant.name;
  const on = { kind: 'tenant', id: tenant.id } as const;
  const tabs: TabOf[] = [
    { id: 'summary', label: t('detail.summary'), show: () => <Summary tenant={tenant} /> },
    ...(may.projects ? [{ id: 'projects', label: t('access.projects.title'), show: () => <ProjectList tenantId={tenant.id} /> }] : []),
    ...(may.members
      ? [
          { id: 'users', label: t('access.users.title'), show: () => <UserList tenantId={tenant.id} /> },
          { id: 'groups', label: t('access.groups.title'), show: () => <GroupList tenantId={tenant.id} /> },
        ]
      : []),
    ...(may.quotas ? [{ id: 'quotas', label: t('quotas.title'), show: () => <Quotas of={on} name={name} /> }] : []),
    ...(may.roles ? [{ id: 'roles', label: t('access.roles.own'), show: () => <RoleList tenantId={tenant.id} /> }] : []),
    ...(may.bindings ? [{ id: 'members', label: t('access.bindings.title'), show: () => <Bindings scope={on} tenantId={tenant.id} name={name} /> }] : []),
  ];
  return (
    <div className="sp-page">
      <Head
        list={{ path: '/tenants', title: t('access.tenants.title') }} name={name} marks={<TenantState tenant={tenant} />}
        acts={
          <>
            <WhyButton name={name} on={on} />
            {may.write && <ActsMenu name={name} acts={acts(tenant, () => void navigate('/tenants'))} />}
          </>
        }
      />
      {tenant.state === 'suspended' && (
        <Alert variant="warning" variantLabel={t('alerts.warning')} isInline component="h2" title={t('access.tenants.isSuspended')} className="sp-detail__gone">
          {t('access.tenants.isSuspendedHint')}
        </Alert>
      )}
      <TabsOf path={`/tenants/${tenant.id}`} name={name} tabs={tabs} />
    </div>
  );
}

function Summary({ tenant }: { tenant: Tenant }) {
  const { t } = useTranslation();
  const audit = useAuditFact({ about: { object_kind: 'tenant', object_id: tenant.id }, concerns: { tenant_id: tenant.id } });
  return (
    <Facts
      entries={[
        ...(tenant.path ? [[t('access.tenants.path'), tenant.path] as const, [t('access.tenants.parent'), tenant.parent_id ? <TenantName key="parent" id={tenant.parent_id} /> : t('common.none')] as const] : []),
        [t('access.description'), tenant.description || t('common.none')],
        ...(tenant.path ? [[t('access.tenants.signIn'), <span key="sign-in" className="sp-mono">{`${tenant.path}/…`}</span>] as const] : []),
        [t('access.created'), <Age key="created" time={tenant.created_at} />],
        [t('access.updated'), <Age key="updated" time={tenant.updated_at} />],
        ...audit,
        [t('fields.id'), <CopyText key="id" text={tenant.id} label={t('fields.id')} />],
      ]}
    />
  );
}
