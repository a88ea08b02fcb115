import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { ActsMenu } from '@/access/ActsMenu';
import { Head, OneOf } from '@/access/Details';
import { changedOnly } from '@/access/FormDialog';
import { ruleQuery, useMay, type Rule } from '@/access/queries';
import { useDone } from '@/access/useAct';
import { api, data } from '@/api/client';
import { ApiForm } from '@/form/ApiForm';
import { CheckField, TextField } from '@/form/fields';
import { useForm } from '@/form/useForm';
import { Conditions } from '@/ownership/Conditions';
import { Preview } from '@/ownership/Preview';
import { ProjectField } from '@/ownership/ProjectField';
import { bodyOf, valuesOf } from '@/ownership/rule';
import { RemoveRule } from './Rules';

/** A new rule, with what it would do. */
export function RuleAdd() {
  const { t } = useTranslation();
  return <RuleForm title={t('ownership.add')} />;
}

/** One rule: edited where it stands, with what the edit would do. */
export function RulePage() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const query = useQuery(ruleQuery(id));
  return (
    <OneOf query={query} path="/ownership-rules" title={t('ownership.title')}>
      {(rule) => <RuleForm key={rule.id} rule={rule} title={rule.name} />}
    </OneOf>
  );
}

function RuleForm({ rule, title }: { rule?: Rule; title: string }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const done = useDone();
  const may = useMay('ownership.write');
  const form = useForm({
    initial: valuesOf(rule),
    send: (values) => {
      const body = bodyOf(values);
      return rule
        ? data(api.PATCH('/v1/ownership-rules/{id}', { params: { path: { id: rule.id } }, body: changedOnly(bodyOf(valuesOf(rule)), body) }))
        : data(api.POST('/v1/ownership-rules', { body }));
    },
    onDone: (now) => {
      done(t(rule ? 'access.saved' : 'access.made', { name: now.name }));
      void navigate('/ownership-rules');
    },
  });
  return (
    <div className="sp-page">
      <Head
        list={{ path: '/ownership-rules', title: t('ownership.title') }} name={title}
        acts={rule && may && (
          <ActsMenu name={rule.name} acts={[{ key: 'remove', label: t('access.remove'), isDanger: true, dialog: (onClose) => <RemoveRule rule={rule} onClose={onClose} onDone={() => void navigate('/ownership-rules')} /> }]} />
        )}
      />
      <div className="sp-join">
        <ApiForm form={form} act={may ? t(rule ? 'common.save' : 'ownership.add') : undefined} onCancel={() => void navigate('/ownership-rules')}>
          <TextField form={form} name="name" label={t('access.name')} isRequired autoFocus={!rule} />
          <ProjectField form={form} name="project_id" label={t('ownership.to')} />
          <Conditions form={form} />
          <TextField form={form} name="priority" type="number" label={t('ownership.priority')} hint={t('ownership.priorityHint')} />
          <CheckField form={form} name="enabled" label={t('ownership.enabled')} />
        </ApiForm>
        <div className="sp-join__result">
          <Preview id={rule?.id} values={form.values} />
        </div>
      </div>
    </div>
  );
}
