// Who did it and to what it was done: with a way there, where it still is.
import { useQuery, type UseQueryOptions } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { groupsQuery, projectsQuery, rolesQuery, rulesQuery, tenantsQuery, useMay, usersQuery, type Permission } from '@/access/queries';
import { paths, type Kind } from '@/api/gen/fields';
import { providersQuery } from '@/api/queries';
import { nounLabel, type AuditEntry } from './audit';

interface Known {
  id: string;
  name?: string;
  username?: string;
}

type Listed = UseQueryOptions<readonly Known[]>;

/** What the gateway itself keeps: where its pages are, and which of them there are. */
const KEPT: Readonly<Record<string, { path: string; needs: Permission; list: Listed }>> = {
  tenant: { path: 'tenants', needs: 'tenant.read', list: tenantsQuery as unknown as Listed },
  project: { path: 'projects', needs: 'project.read', list: projectsQuery as unknown as Listed },
  user: { path: 'users', needs: 'member.read', list: usersQuery as unknown as Listed },
  group: { path: 'groups', needs: 'member.read', list: groupsQuery as unknown as Listed },
  role: { path: 'roles', needs: 'role.read', list: rolesQuery as unknown as Listed },
  ownership_rule: { path: 'ownership-rules', needs: 'ownership.read', list: rulesQuery as unknown as Listed },
  provider: { path: 'providers', needs: 'provider.read', list: providersQuery as unknown as Listed },
};

/** Where its page is, and what it is called now; nothing for what has no page, or is not there any more. */
function useKnown(kind: string, id: string | null | undefined): { path?: string; name?: string } {
  const kept = KEPT[kind];
  const may = useMay(kept?.needs ?? 'inventory.read');
  const { data } = useQuery({ ...(kept ?? KEPT.role!).list, enabled: Boolean(kept && may && id) });
  if (!id) return {};
  if (kept) {
    const found = data?.find((one) => one.id === id);
    return found ? { path: `/${kept.path}/${id}`, name: found.name ?? found.username } : {};
  }
  const path = paths[kind as Kind] as string | undefined;
  return path && may ? { path: `/${path}/${id}` } : {};
}

export function Thing({ entry }: { entry: AuditEntry }) {
  const { t } = useTranslation();
  const { path, name: now } = useKnown(entry.object_kind, entry.object_id);
  // As it was called then, where that is told.
  const name = entry.object_name || now || (entry.object_id ? `${entry.object_id.slice(0, 8)}…` : undefined);
  const noun = nounLabel(t, entry.object_kind) ?? entry.object_kind;
  if (!name) return <span className="sp-muted">{noun}</span>;
  return (
    <span className="sp-several">
      <span className="sp-muted">{noun}</span>
      {path ? <Link to={path} className="sp-anywhere">{name}</Link> : <span className="sp-anywhere">{name}</span>}
    </span>
  );
}

export function Actor({ entry }: { entry: AuditEntry }) {
  const { t } = useTranslation();
  const { path } = useKnown('user', entry.actor_id);
  if (!entry.actor_id && (entry.door === 'job' || entry.door === 'system')) return <span className="sp-muted">{t('audit.gateway')}</span>;
  if (!entry.actor) return <span className="sp-muted">{t('audit.nobody')}</span>;
  return path ? <Link to={path} className="sp-anywhere">{entry.actor}</Link> : <span className="sp-anywhere">{entry.actor}</span>;
}
