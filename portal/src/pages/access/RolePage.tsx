import { Label } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { ActsMenu } from '@/access/ActsMenu';
import { Head, OneOf } from '@/access/Details';
import { useRoleText } from '@/access/lists';
import { roleLabel, TenantName } from '@/access/Names';
import { roleQuery, useMay, type Role } from '@/access/queries';
import { RemoveRole, RoleDialog, useMeaning } from '@/access/RoleDialogs';
import { Rows } from '@/access/Rows';

/** One role: each of its permissions, and what it means. */
export function RolePage() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const query = useQuery(roleQuery(id));
  return (
    <OneOf query={query} path="/roles" title={t('access.roles.title')}>
      {(role) => <Found role={role} />}
    </OneOf>
  );
}

function Found({ role }: { role: Role }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const may = useMay('role.write');
  const text = useRoleText();
  const meaning = useMeaning();
  const name = roleLabel(t, role.name);
  return (
    <div className="sp-page">
      <Head
        list={{ path: '/roles', title: t('access.roles.title') }} name={name}
        marks={role.tenant_id ? <TenantName id={role.tenant_id} /> : <Label isCompact variant="outline">{t('access.roles.isBuiltIn')}</Label>}
        acts={may && (
          <ActsMenu
            name={name}
            acts={[
              { key: 'copy', label: t('access.roles.copy'), dialog: (onClose) => <RoleDialog from={role} onClose={onClose} /> },
              !role.built_in && { key: 'edit', label: t('access.edit'), dialog: (onClose) => <RoleDialog role={role} onClose={onClose} /> },
              !role.built_in && { key: 'remove', label: t('access.remove'), isDanger: true, dialog: (onClose) => <RemoveRole role={role} onClose={onClose} onDone={() => void navigate('/roles')} /> },
            ]}
          />
        )}
      />
      <p className="sp-page__lead">{text(role)}</p>
      <Rows
        label={t('access.roles.permissions')} rows={role.permissions.map((permission) => ({ id: permission }))} error={undefined} onRetry={() => undefined} empty={t('access.roles.empty')}
        columns={[
          { id: 'permission', label: t('access.roles.permission'), cell: ({ id }) => <span className="sp-mono">{id}</span> },
          { id: 'meaning', label: t('access.roles.meaning'), cell: ({ id }) => meaning(id) },
        ]}
      />
    </div>
  );
}
