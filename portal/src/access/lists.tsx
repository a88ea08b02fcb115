// The lists of projects, users, groups and roles: on pages of their own, and within a tenant.
import { Button, Label } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { formatNumber } from '@/format/format';
import { ActsMenu } from './ActsMenu';
import { GroupDialog, RemoveGroup } from './GroupDialogs';
import { roleLabel, TenantName } from './Names';
import { ProjectDialog, RemoveProject } from './ProjectDialogs';
import { groupsQuery, projectsQuery, rolesQuery, useMay, usersQuery, type Group, type Project, type Role, type User } from './queries';
import { RemoveRole, RoleDialog, useMeaning } from './RoleDialogs';
import { Rows, type RowColumn } from './Rows';
import { UserDialog, useUserActs } from './UserDialogs';

interface Within {
  /** Only those of this tenant. */
  tenantId?: string;
}

/** A button, and the dialog that it opens. */
function Adding({ label, children }: { label: string; children: (onClose: () => void) => ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>{label}</Button>
      {open && children(() => setOpen(false))}
    </>
  );
}

const ofTenant = <T extends { tenant_id?: string | null }>(rows: readonly T[] | undefined, tenantId?: string) =>
  rows?.filter((row) => !tenantId || row.tenant_id === tenantId);

function useTenantColumn<T extends { id: string; tenant_id?: string | null }>(tenantId?: string): RowColumn<T>[] {
  const { t } = useTranslation();
  return tenantId ? [] : [{ id: 'tenant', label: t('access.tenant'), cell: (row) => (row.tenant_id ? <TenantName id={row.tenant_id} /> : t('common.none')) }];
}

export function ProjectList({ tenantId }: Within) {
  const { t } = useTranslation();
  const { data: projects, error, refetch } = useQuery(projectsQuery);
  const may = useMay('project.write');
  const tenant = useTenantColumn<Project>(tenantId);
  return (
    <Rows
      label={t('access.projects.title')} rows={ofTenant(projects, tenantId)} error={error} onRetry={() => void refetch()} empty={t('access.projects.empty')}
      textOf={(one) => `${one.name} ${one.tenant_path} ${one.description}`}
      columns={[
        { id: 'name', label: t('access.name'), cell: (one) => <Link to={`/projects/${one.id}`}>{one.name}</Link> },
        ...tenant,
        { id: 'description', label: t('access.description'), cell: (one) => one.description || t('common.none') },
      ]}
      tools={may && <Adding label={t('access.projects.add')}>{(onClose) => <ProjectDialog tenantId={tenantId} onClose={onClose} />}</Adding>}
      acts={may ? (one) => (
        <ActsMenu
          name={one.name}
          acts={[
            { key: 'edit', label: t('access.edit'), dialog: (onClose) => <ProjectDialog project={one} onClose={onClose} /> },
            { key: 'remove', label: t('access.remove'), isDanger: true, dialog: (onClose) => <RemoveProject project={one} onClose={onClose} /> },
          ]}
        />
      ) : undefined}
    />
  );
}

export function UserMarks({ user }: { user: User }) {
  const { t } = useTranslation();
  return (
    <span className="sp-several">
      <Label isCompact variant="outline">{t(`access.users.kinds.${user.kind}`)}</Label>
      <Label isCompact color={user.enabled ? 'green' : 'grey'}>{t(user.enabled ? 'access.users.enabled' : 'access.users.disabled')}</Label>
    </span>
  );
}

export function UserList({ tenantId }: Within) {
  const { t } = useTranslation();
  const { data: users, error, refetch } = useQuery(usersQuery);
  const may = useMay('member.write');
  const acts = useUserActs();
  const tenant = useTenantColumn<User>(tenantId);
  return (
    <Rows
      label={t('access.users.title')} rows={ofTenant(users, tenantId)} error={error} onRetry={() => void refetch()} empty={t('access.users.empty')}
      textOf={(one) => `${one.username} ${one.display_name} ${one.email ?? ''} ${one.tenant_path}`}
      columns={[
        { id: 'username', label: t('access.users.username'), cell: (one) => <Link to={`/users/${one.id}`}>{one.username}</Link> },
        ...tenant,
        { id: 'state', label: t('access.users.state'), cell: (one) => <UserMarks user={one} /> },
        { id: 'display_name', label: t('access.users.displayName'), cell: (one) => one.display_name || t('common.none') },
        { id: 'email', label: t('access.users.email'), cell: (one) => one.email ?? t('common.none') },
      ]}
      tools={may && <Adding label={t('access.users.add')}>{(onClose) => <UserDialog tenantId={tenantId} onClose={onClose} />}</Adding>}
      acts={(one) => <ActsMenu name={one.username} acts={acts(one, may)} />}
    />
  );
}

export function GroupList({ tenantId }: Within) {
  const { t } = useTranslation();
  const { data: groups, error, refetch } = useQuery(groupsQuery);
  const may = useMay('member.write');
  const tenant = useTenantColumn<Group>(tenantId);
  return (
    <Rows
      label={t('access.groups.title')} rows={ofTenant(groups, tenantId)} error={error} onRetry={() => void refetch()} empty={t('access.groups.empty')}
      textOf={(one) => `${one.name} ${one.description}`}
      columns={[
        { id: 'name', label: t('access.name'), cell: (one) => <Link to={`/groups/${one.id}`}>{one.name}</Link> },
        ...tenant,
        { id: 'members', label: t('access.groups.members'), cell: (one) => formatNumber(one.member_ids.length) },
        { id: 'description', label: t('access.description'), cell: (one) => one.description || t('common.none') },
      ]}
      tools={may && <Adding label={t('access.groups.add')}>{(onClose) => <GroupDialog tenantId={tenantId} onClose={onClose} />}</Adding>}
      acts={may ? (one) => (
        <ActsMenu
          name={one.name}
          acts={[
            { key: 'edit', label: t('access.edit'), dialog: (onClose) => <GroupDialog group={one} onClose={onClose} /> },
            { key: 'remove', label: t('access.remove'), isDanger: true, dialog: (onClose) => <RemoveGroup group={one} onClose={onClose} /> },
          ]}
        />
      ) : undefined}
    />
  );
}

/** What a role is for: of a built-in one in the reader's language. */
export function useRoleText(): (role: Role) => string {
  const { t } = useTranslation();
  return (role) => (role.built_in ? t(`access.roles.builtIn.${role.name as 'viewer'}.what`, { defaultValue: role.description }) : role.description);
}

export function RoleList({ tenantId }: Within) {
  const { t } = useTranslation();
  const { data: roles, error, refetch } = useQuery(rolesQuery);
  const may = useMay('role.write');
  const text = useRoleText();
  const meaning = useMeaning();
  const tenant = useTenantColumn<Role>(tenantId);
  return (
    <Rows
      label={t('access.roles.title')} rows={ofTenant(roles, tenantId)} error={error} onRetry={() => void refetch()} empty={t('access.roles.empty')}
      textOf={(one) => `${one.name} ${roleLabel(t, one.name)} ${text(one)} ${one.permissions.join(' ')}`}
      columns={[
        { id: 'name', label: t('access.name'), cell: (one) => (
          <>
            <Link to={`/roles/${one.id}`}>{roleLabel(t, one.name)}</Link> {one.built_in && <Label isCompact variant="outline">{t('access.roles.isBuiltIn')}</Label>}
          </>
        ) },
        ...tenant,
        { id: 'description', label: t('access.description'), cell: (one) => text(one) || t('common.none') },
        { id: 'permissions', label: t('access.roles.permissions'), cell: (one) => <span title={one.permissions.map(meaning).join('\n')}>{formatNumber(one.permissions.length)}</span> },
      ]}
      tools={may && <Adding label={t('access.roles.add')}>{(onClose) => <RoleDialog tenantId={tenantId} onClose={onClose} />}</Adding>}
      acts={may ? (one) => (
        <ActsMenu
          name={roleLabel(t, one.name)}
          acts={[
            { key: 'copy', label: t('access.roles.copy'), dialog: (onClose) => <RoleDialog from={one} tenantId={tenantId} onClose={onClose} /> },
            !one.built_in && { key: 'edit', label: t('access.edit'), dialog: (onClose) => <RoleDialog role={one} onClose={onClose} /> },
            !one.built_in && { key: 'remove', label: t('access.remove'), isDanger: true, dialog: (onClose) => <RemoveRole role={one} onClose={onClose} /> },
          ]}
        />
      ) : undefined}
    />
  );
}
