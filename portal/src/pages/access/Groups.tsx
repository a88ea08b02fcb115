import { useTranslation } from 'react-i18next';
import { ListFrame } from '@/access/Details';
import { GroupList } from '@/access/lists';

export function Groups() {
  const { t } = useTranslation();
  return (
    <ListFrame title={t('access.groups.title')} lead={t('access.groups.what')}>
      <GroupList />
    </ListFrame>
  );
}
