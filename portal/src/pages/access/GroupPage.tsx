import { Button } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { ActsMenu } from '@/access/ActsMenu';
import { Bindings } from '@/access/Bindings';
import { Facts, Head, OneOf, TabsOf, type TabOf } from '@/access/Details';
import { GroupDialog, RemoveGroup } from '@/access/GroupDialogs';
import { UserMarks } from '@/access/lists';
import { SubjectName, TenantName } from '@/access/Names';
import { groupQuery, useMay, usersQuery, type Group } from '@/access/queries';
import { Rows } from '@/access/Rows';
import { Age } from '@/components/Age';

/** One group: who is in it, and what was given to it. */
export function GroupPage() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const query = useQuery(groupQuery(id));
  return (
    <OneOf query={query} path="/groups" title={t('access.groups.title')}>
      {(group) => <Found group={group} />}
    </OneOf>
  );
}

function Found({ group }: { group: Group }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const may = { write: useMay('member.write'), bindings: useMay('binding.read') };
  const tabs: TabOf[] = [
    { id: 'members', label: t('access.groups.members'), show: () => <Members group={group} may={may.write} /> },
    ...(may.bindings ? [{ id: 'roles', label: t('access.roles.title'), show: () => <Bindings subject={{ kind: 'group', id: group.id }} name={group.name} /> }] : []),
    { id: 'about', label: t('detail.general'), show: () => <About group={group} /> },
  ];
  return (
    <div className="sp-page">
      <Head
        list={{ path: '/groups', title: t('access.groups.title') }} name={group.name}
        acts={may.write && (
          <ActsMenu
            name={group.name}
            acts={[
              { key: 'edit', label: t('access.edit'), dialog: (onClose) => <GroupDialog group={group} onClose={onClose} /> },
              { key: 'remove', label: t('access.remove'), isDanger: true, dialog: (onClose) => <RemoveGroup group={group} onClose={onClose} onDone={() => void navigate('/groups')} /> },
            ]}
          />
        )}
      />
      <TabsOf path={`/groups/${group.id}`} name={group.name} tabs={tabs} />
    </div>
  );
}

function Members({ group, may }: { group: Group; may: boolean }) {
  const { t } = useTranslation();
  const { data: users, error, refetch } = useQuery(usersQuery);
  const [editing, setEditing] = useState(false);
  return (
    <>
      <Rows
        label={t('access.groups.members')} rows={users?.filter((user) => group.member_ids.includes(user.id))} error={error} onRetry={() => void refetch()}
        textOf={(user) => `${user.username} ${user.display_name}`} empty={t('access.groups.nobody')}
        columns={[
          { id: 'username', label: t('access.users.username'), cell: (user) => <SubjectName subject={{ kind: 'user', id: user.id }} /> },
          { id: 'state', label: t('access.users.state'), cell: (user) => <UserMarks user={user} /> },
          { id: 'display_name', label: t('access.users.displayName'), cell: (user) => user.display_name || t('common.none') },
        ]}
        tools={may && <Button onClick={() => setEditing(true)}>{t('access.groups.editMembers')}</Button>}
      />
      {editing && <GroupDialog group={group} onClose={() => setEditing(false)} />}
    </>
  );
}

function About({ group }: { group: Group }) {
  const { t } = useTranslation();
  return (
    <Facts
      entries={[
        [t('access.tenant'), <TenantName key="tenant" id={group.tenant_id} />],
        [t('access.description'), group.description || t('common.none')],
        [t('access.created'), <Age key="created" time={group.created_at} />],
        [t('access.updated'), <Age key="updated" time={group.updated_at} />],
      ]}
    />
  );
}
