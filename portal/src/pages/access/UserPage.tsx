import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { ActsMenu } from '@/access/ActsMenu';
import { Bindings } from '@/access/Bindings';
import { Facts, Head, OneOf, TabsOf, type TabOf } from '@/access/Details';
import { UserMarks } from '@/access/lists';
import { signInName, SubjectName, TenantName } from '@/access/Names';
import { useMay, userQuery, type User } from '@/access/queries';
import { useUserActs } from '@/access/UserDialogs';
import { useAuditFact } from '@/audit/AuditLinks';
import { Age } from '@/components/Age';
import { CopyText } from '@/components/CopyText';

/** One user or service account: what it is, its groups, and what it was given. */
export function UserPage() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const query = useQuery(userQuery(id));
  return (
    <OneOf query={query} path="/users" title={t('access.users.title')}>
      {(user) => <Found user={user} />}
    </OneOf>
  );
}

function Found({ user }: { user: User }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const acts = useUserActs();
  const may = { write: useMay('member.write'), bindings: useMay('binding.read') };
  const tabs: TabOf[] = [
    { id: 'summary', label: t('detail.summary'), show: () => <Summary user={user} /> },
    ...(may.bindings ? [{ id: 'roles', label: t('access.roles.title'), show: () => <Bindings subject={{ kind: 'user', id: user.id }} name={user.username} /> }] : []),
  ];
  return (
    <div className="sp-page">
      <Head
        list={{ path: '/users', title: t('access.users.title') }} name={user.username} marks={<UserMarks user={user} />}
        acts={<ActsMenu name={user.username} acts={acts(user, may.write, () => void navigate('/users'))} />}
      />
      <TabsOf path={`/users/${user.id}`} name={user.username} tabs={tabs} />
    </div>
  );
}

function Summary({ user }: { user: User }) {
  const { t } = useTranslation();
  const audit = useAuditFact({ about: { object_kind: 'user', object_id: user.id }, by: { actor: signInName(user) } });
  return (
    <Facts
      entries={[
        [t('access.tenant'), <TenantName key="tenant" id={user.tenant_id} />],
        [t('access.users.signsInAs'), user.kind === 'user' ? <CopyText key="name" text={signInName(user)} label={t('access.users.signsInAs')} /> : t('access.users.byToken')],
        [t('access.users.displayName'), user.display_name || t('common.none')],
        [t('access.users.email'), user.email ?? t('common.none')],
        [t('access.groups.title'), user.group_ids.length === 0 ? t('common.none') : (
          <span key="groups" className="sp-several">
            {user.group_ids.map((id) => <SubjectName key={id} subject={{ kind: 'group', id }} />)}
          </span>
        )],
        [t('access.created'), <Age key="created" time={user.created_at} />],
        [t('access.updated'), <Age key="updated" time={user.updated_at} />],
        ...audit,
        [t('fields.id'), <CopyText key="id" text={user.id} label={t('fields.id')} />],
      ]}
    />
  );
}
