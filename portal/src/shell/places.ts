// Every place that one can go to: for the navigation, and for the search box's commands. A new page adds itself here.
import type { ComponentType } from 'react';
import type { TFunction } from 'i18next';
import AboutIcon from '@patternfly/react-icons/dist/esm/icons/info-circle-icon';
import AuditIcon from '@patternfly/react-icons/dist/esm/icons/history-icon';
import AccountIcon from '@patternfly/react-icons/dist/esm/icons/user-icon';
import FirstRunIcon from '@patternfly/react-icons/dist/esm/icons/route-icon';
import ProvidersIcon from '@patternfly/react-icons/dist/esm/icons/connected-icon';
import GroupsIcon from '@patternfly/react-icons/dist/esm/icons/users-icon';
import HomeIcon from '@patternfly/react-icons/dist/esm/icons/tachometer-alt-icon';
import ProjectIcon from '@patternfly/react-icons/dist/esm/icons/folder-open-icon';
import RoleIcon from '@patternfly/react-icons/dist/esm/icons/key-icon';
import RuleIcon from '@patternfly/react-icons/dist/esm/icons/filter-icon';
import TenantIcon from '@patternfly/react-icons/dist/esm/icons/building-icon';
import TreeIcon from '@patternfly/react-icons/dist/esm/icons/project-diagram-icon';
import { paths, type Kind } from '@/api/gen/fields';
import type { Permission } from '@/access/queries';
import { kindIcons } from '@/nouns/icons';

export interface Place {
  id: string;
  path: string;
  icon: ComponentType;
  label: (t: TFunction) => string;
  /** It is of use only to who may do this somewhere. */
  needs?: Permission;
}

const noun = (kind: Kind): Place => ({
  id: kind,
  path: `/${paths[kind]}`,
  icon: kindIcons[kind],
  label: (t) => t(`kinds.${kind}.many`),
});

export const places: readonly Place[] = [
  { id: 'overview', path: '/', icon: HomeIcon, label: (t) => t('shell.overview') },
  { id: 'inventory', path: '/inventory', icon: TreeIcon, label: (t) => t('inventory.title'), needs: 'provider.read' },
  ...(Object.keys(paths) as Kind[]).map(noun),
  { id: 'tenants', path: '/tenants', icon: TenantIcon, label: (t) => t('access.tenants.title'), needs: 'tenant.read' },
  { id: 'projects', path: '/projects', icon: ProjectIcon, label: (t) => t('access.projects.title'), needs: 'project.read' },
  { id: 'users', path: '/users', icon: AccountIcon, label: (t) => t('access.users.title'), needs: 'member.read' },
  { id: 'groups', path: '/groups', icon: GroupsIcon, label: (t) => t('access.groups.title'), needs: 'member.read' },
  { id: 'roles', path: '/roles', icon: RoleIcon, label: (t) => t('access.roles.title'), needs: 'role.read' },
  { id: 'ownership-rules', path: '/ownership-rules', icon: RuleIcon, label: (t) => t('ownership.title'), needs: 'ownership.read' },
  { id: 'providers', path: '/providers', icon: ProvidersIcon, label: (t) => t('providers.title'), needs: 'provider.read' },
  { id: 'audit', path: '/audit', icon: AuditIcon, label: (t) => t('audit.title'), needs: 'audit.read' },
  { id: 'account', path: '/account', icon: AccountIcon, label: (t) => t('account.title') },
  { id: 'first-run', path: '/first-run', icon: FirstRunIcon, label: (t) => t('firstRun.title'), needs: 'provider.write' },
  { id: 'about', path: '/about', icon: AboutIcon, label: (t) => t('about.title') },
];

interface Group {
  id: string;
  label?: (t: TFunction) => string;
  places: readonly string[];
}

export const groups: readonly Group[] = [
  { id: 'top', places: ['overview', 'inventory'] },
  { id: 'compute', label: (t) => t('shell.groups.compute'), places: ['vm', 'snapshot', 'image'] satisfies Kind[] },
  { id: 'storage', label: (t) => t('shell.groups.storage'), places: ['datastore', 'volume', 'storage_policy', 'content_library'] satisfies Kind[] },
  { id: 'network', label: (t) => t('shell.groups.network'), places: ['network', 'nic'] satisfies Kind[] },
  {
    id: 'infrastructure',
    label: (t) => t('shell.groups.infrastructure'),
    places: ['zone', 'cluster', 'host', 'resource_pool', 'folder', 'tag'] satisfies Kind[],
  },
  { id: 'access', label: (t) => t('shell.groups.access'), places: ['tenants', 'projects', 'users', 'groups', 'roles', 'ownership-rules'] },
  { id: 'settings', label: (t) => t('shell.groups.settings'), places: ['providers', 'audit'] },
];

/** The places that are of use to who may do this. */
export function placesFor(permissions: readonly Permission[]): readonly Place[] {
  return places.filter(({ needs }) => !needs || permissions.includes(needs));
}
