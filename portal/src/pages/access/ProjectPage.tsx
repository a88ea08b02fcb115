import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { ActsMenu } from '@/access/ActsMenu';
import { Bindings } from '@/access/Bindings';
import { Facts, Head, OneOf, TabsOf, type TabOf } from '@/access/Details';
import { TenantName } from '@/access/Names';
import { ProjectDialog, RemoveProject } from '@/access/ProjectDialogs';
import { projectQuery, useMay, type Project } from '@/access/queries';
import { Quotas } from '@/access/Quotas';
import { WhyButton } from '@/access/WhyButton';
import { useAuditFact } from '@/audit/AuditLinks';
import { countQuery } from '@/api/queries';
import { Age } from '@/components/Age';
import { CopyText } from '@/components/CopyText';
import { formatNumber } from '@/format/format';
import { ObjectList } from '@/table/ObjectList';

/** One project: what it is, its machines on every platform, and who may do what in it. */
export function ProjectPage() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const query = useQuery(projectQuery(id));
  return (
    <OneOf query={query} path="/projects" title={t('access.projects.title')}>
      {(project) => <Found project={project} />}
    </OneOf>
  );
}

const HIDDEN = ['project_id', 'tenant_id'];

function Found({ project }: { project: Project }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const may = { write: useMay('project.write'), bindings: useMay('binding.read'), quotas: useMay('quota.read') };
  const on = { kind: 'project', id: project.id } as const;
  const fixed = useMemo(() => ({ project_id: project.id }), [project.id]);
  const tabs: TabOf[] = [
    { id: 'summary', label: t('detail.summary'), show: () => <Summary project={project} /> },
    { id: 'machines', label: t('kinds.vm.many'), isList: true, show: () => <ObjectList kind="vm" fixed={fixed} hide={HIDDEN} /> },
    ...(may.quotas ? [{ id: 'quotas', label: t('quotas.title'), show: () => <Quotas of={on} name={project.name} /> }] : []),
    ...(may.bindings ? [{ id: 'members', label: t('access.bindings.title'), show: () => <Bindings scope={on} tenantId={project.tenant_id} name={project.name} /> }] : []),
  ];
  return (
    <div className="sp-page sp-detail">
      <Head
        list={{ path: '/projects', title: t('access.projects.title') }} name={project.name}
        acts={
          <>
            <WhyButton name={project.name} on={on} />
            {may.write && (
              <ActsMenu
                name={project.name}
                acts={[
                  { key: 'edit', label: t('access.edit'), dialog: (onClose) => <ProjectDialog project={project} onClose={onClose} /> },
                  { key: 'remove', label: t('access.remove'), isDanger: true, dialog: (onClose) => <RemoveProject project={project} onClose={onClose} onDone={() => void navigate('/projects')} /> },
                ]}
              />
            )}
          </>
        }
      />
      <TabsOf path={`/projects/${project.id}`} name={project.name} tabs={tabs} />
    </div>
  );
}

function Summary({ project }: { project: Project }) {
  const { t } = useTranslation();
  const audit = useAuditFact({ about: { object_kind: 'project', object_id: project.id } });
  const { data: machines } = useQuery(countQuery('vm', { project_id: project.id }));
  return (
    <Facts
      entries={[
        [t('access.tenant'), <TenantName key="tenant" id={project.tenant_id} />],
        [t('kinds.vm.many'), machines === undefined ? '\u00a0' : formatNumber(machines)],
        [t('access.description'), project.description || t('common.none')],
        [t('access.created'), <Age key="created" time={project.created_at} />],
        [t('access.updated'), <Age key="updated" time={project.updated_at} />],
        ...audit,
        [t('fields.id'), <CopyText key="id" text={project.id} label={t('fields.id')} />],
      ]}
    />
  );
}
