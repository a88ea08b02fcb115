import { useTranslation } from 'react-i18next';
import { ListFrame } from '@/access/Details';
import { RoleList } from '@/access/lists';

export function Roles() {
  const { t } = useTranslation();
  return (
    <ListFrame title={t('access.roles.title')} lead={t('access.roles.what')}>
      <RoleList />
    </ListFrame>
  );
}
