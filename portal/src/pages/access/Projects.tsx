import { useTranslation } from 'react-i18next';
import { ListFrame } from '@/access/Details';
import { ProjectList } from '@/access/lists';

export function Projects() {
  const { t } = useTranslation();
  return (
    <ListFrame title={t('access.projects.title')} lead={t('access.projects.what')}>
      <ProjectList />
    </ListFrame>
  );
}
