// What is done to a project: made, edited, removed.
import { Checkbox, Content } from '@patternfly/react-core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { ConfirmByName } from '@/components/ConfirmByName';
import { TextAreaField, TextField } from '@/form/fields';
import { useForm } from '@/form/useForm';
import { changedOnly, FormDialog } from './FormDialog';
import { ImpactList, useImpact } from './ImpactList';
import type { Project } from './queries';
import { TenantField, useOwnTenant } from './TenantDialogs';
import { useDone } from './useAct';

/** A new project of a tenant, or an edit of one. */
export function ProjectDialog({ project, tenantId, onClose }: { project?: Project; tenantId?: string; onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const own = useOwnTenant();
  const initial = { name: project?.name ?? '', tenant_id: project?.tenant_id ?? tenantId ?? own, description: project?.description ?? '' };
  const form = useForm({
    initial,
    send: ({ tenant_id, ...values }) => {
      const body = { ...values, name: values.name.trim() };
      return project
        ? data(api.PATCH('/v1/projects/{id}', { params: { path: { id: project.id } }, body: changedOnly(initial, body) }))
        : data(api.POST('/v1/projects', { body: { ...body, tenant_id } }));
    },
    onDone: (now) => {
      done(t(project ? 'access.saved' : 'access.made', { name: now.name }));
      onClose();
    },
  });
  return (
    <FormDialog form={form} title={project ? t('access.projects.editTitle', { name: project.name }) : t('access.projects.add')} act={t(project ? 'common.save' : 'access.projects.add')} onClose={onClose}>
      <TextField form={form} name="name" label={t('access.name')} hint={t('access.projects.nameHint')} isRequired autoFocus />
      {!project && !tenantId && <TenantField form={form} name="tenant_id" label={t('access.tenant')} />}
      <TextAreaField form={form} name="description" label={t('access.description')} />
    </FormDialog>
  );
}

/** While it holds machines, it is removed only where it is said that these go back. */
export function RemoveProject({ project, onClose, onDone }: { project: Project; onClose: () => void; onDone?: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const { data: impact } = useImpact('project', project.id);
  const [release, setRelease] = useState(false);
  const remove = async () => {
    await data(api.DELETE('/v1/projects/{id}', { params: { path: { id: project.id }, query: release ? { release } : {} } }));
    onDone?.();
    done(t('access.removed', { name: project.name }), project.id);
  };
  return (
    <ConfirmByName title={t('access.removeTitle', { name: project.name })} name={project.name} act={t('access.remove')} onConfirm={remove} onClose={onClose}>
      <Content component="p">{t('access.projects.removeWhat')}</Content>
      <ImpactList kind="project" id={project.id} lead={t('access.projects.within')} nothing={t('access.projects.withinNothing')} />
      {impact && impact.machines > 0 && (
        <Checkbox
          id="release" label={t('access.projects.release', { count: impact.machines })} description={t('access.projects.releaseHint')} isChecked={release}
          onChange={(_, on) => setRelease(on)}
        />
      )}
    </ConfirmByName>
  );
}
