// What is pointed to by its id, by its name: tenants, projects, users, groups, roles.
import { useQuery } from '@tanstack/react-query';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { sessionQuery } from '@/api/queries';
import type { Translation } from '@/i18n/types';
import { groupsQuery, PLATFORM, projectsQuery, rolesQuery, tenantsQuery, useMay, usersQuery, type Scope, type Subject } from './queries';

/** What a role is called: a built-in one in the reader's language. */
export function roleLabel(t: TFunction, name: string): string {
  return t(`access.roles.builtIn.${name as keyof Translation['access']['roles']['builtIn']}.name`, { defaultValue: name });
}

function Unknown({ id }: { id: string }) {
  return <span className="sp-mono sp-muted" title={id}>{id.slice(0, 8)}…</span>;
}

/** The path of a tenant, also where only its projects are seen; `undefined` when it is not known. */
export function useTenantPath(id: string | null | undefined): string | undefined {
  const { t } = useTranslation();
  const { data: session } = useQuery(sessionQuery);
  const { data: tenants } = useQuery({ ...tenantsQuery, enabled: useMay('tenant.read') });
  const { data: projects } = useQuery({ ...projectsQuery, enabled: useMay('project.read') });
  if (id === PLATFORM) return t('access.platform');
  const path = tenants?.find((tenant) => tenant.id === id)?.path ?? projects?.find((project) => project.tenant_id === id)?.tenant_path;
  return path ?? (session?.tenant_id === id ? session?.tenant_path : undefined);
}

export function TenantName({ id }: { id: string }) {
  const path = useTenantPath(id);
  const linked = useMay('tenant.read');
  if (path === undefined) return <Unknown id={id} />;
  return linked ? <Link to={`/tenants/${id}`} className="sp-truncate">{path}</Link> : <span className="sp-truncate">{path}</span>;
}

/** The name of a project with its tenant; `undefined` when it is not known. */
export function useProjectName(id: string | null | undefined): string | undefined {
  const { data: projects } = useQuery({ ...projectsQuery, enabled: useMay('project.read') });
  const project = id ? projects?.find((one) => one.id === id) : undefined;
  return project && projectLabel(project);
}

export function projectLabel({ tenant_path, name }: { tenant_path: string; name: string }): string {
  return tenant_path ? `${tenant_path} / ${name}` : name;
}

export function ProjectName({ id }: { id: string }) {
  const name = useProjectName(id);
  if (name === undefined) return <Unknown id={id} />;
  return <Link to={`/projects/${id}`} className="sp-truncate" title={name}>{name}</Link>;
}

/** Whose something is: its project, else its tenant. */
export function OwnerName({ owner }: { owner: { tenant_id: string; project_id?: string | null } }) {
  return owner.project_id ? <ProjectName id={owner.project_id} /> : <TenantName id={owner.tenant_id} />;
}

export function SubjectName({ subject }: { subject: Subject }) {
  const may = useMay('member.read');
  const { data: users } = useQuery({ ...usersQuery, enabled: may && subject.kind === 'user' });
  const { data: groups } = useQuery({ ...groupsQuery, enabled: may && subject.kind === 'group' });
  const user = users?.find((one) => one.id === subject.id);
  const name = subject.kind === 'user' ? user && signInName(user) : groups?.find((one) => one.id === subject.id)?.name;
  if (!name) return <Unknown id={subject.id} />;
  return <Link to={`/${subject.kind}s/${subject.id}`} className="sp-anywhere">{name}</Link>;
}

/** What a user signs in with. */
export function signInName({ tenant_path, username }: { tenant_path: string; username: string }): string {
  return tenant_path ? `${tenant_path}/${username}` : username;
}

export function RoleName({ id }: { id: string }) {
  const { t } = useTranslation();
  const { data: roles } = useQuery(rolesQuery);
  const role = roles?.find((one) => one.id === id);
  if (!role) return <Unknown id={id} />;
  return <Link to={`/roles/${id}`} className="sp-anywhere">{roleLabel(t, role.name)}</Link>;
}

export function ScopeName({ scope }: { scope: Scope }) {
  const { t } = useTranslation();
  if (scope.kind === 'tenant') return <TenantName id={scope.id} />;
  if (scope.kind === 'project') return <ProjectName id={scope.id} />;
  return <span>{t('access.bindings.oneObject')} <Unknown id={scope.id} /></span>;
}
