import { useTranslation } from 'react-i18next';
import { ListFrame } from '@/access/Details';
import { UserList } from '@/access/lists';

export function Users() {
  const { t } = useTranslation();
  return (
    <ListFrame title={t('access.users.title')} lead={t('access.users.what')}>
      <UserList />
    </ListFrame>
  );
}
