import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useMay } from '@/access/queries';
import { auditPath, type Filters } from './audit';

type Way = 'about' | 'by' | 'concerns';

/** Ways to the entries of the audit log about something; none for who may not read it. */
export function useAuditFact(ways: Partial<Record<Way, Filters>>) {
  const { t } = useTranslation();
  if (!useMay('audit.read')) return [];
  const links = (Object.entries(ways) as [Way, Filters][]).map(([way, filters]) => <Link key={way} to={auditPath(filters)}>{t(`audit.links.${way}`)}</Link>);
  return [[t('audit.title'), <span key="audit" className="sp-several">{links}</span>] as const];
}
