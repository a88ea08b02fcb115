import { Button, Content, Label } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import { ActsMenu } from '@/access/ActsMenu';
import { ListFrame } from '@/access/Details';
import { ProjectName } from '@/access/Names';
import { rulesQuery, useMay, type Condition, type Rule } from '@/access/queries';
import { Rows } from '@/access/Rows';
import { useAct, useDone } from '@/access/useAct';
import { api, data } from '@/api/client';
import { ConfirmByName } from '@/components/ConfirmByName';
import { formatNumber } from '@/format/format';

/** The rules by which machines belong to projects, in their order. */
export function Rules() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { data: rules, error, refetch } = useQuery(rulesQuery);
  const may = useMay('ownership.write');
  const act = useAct();
  const enable = (rule: Rule, enabled: boolean) =>
    act.mutate({
      run: () => data(api.PATCH('/v1/ownership-rules/{id}', { params: { path: { id: rule.id } }, body: { enabled } })),
      done: t(enabled ? 'ownership.turnedOn' : 'ownership.turnedOff', { name: rule.name }),
    });
  return (
    <ListFrame title={t('ownership.title')} lead={t('ownership.lead')}>
      <Rows
        label={t('ownership.title')} rows={rules} error={error} onRetry={() => void refetch()} empty={t('ownership.empty')}
        columns={[
          { id: 'priority', label: t('ownership.priority'), cell: (rule) => formatNumber(rule.priority) },
          { id: 'name', label: t('access.name'), cell: (rule) => <Link to={`/ownership-rules/${rule.id}`}>{rule.name}</Link> },
          { id: 'conditions', label: t('ownership.conditions'), cell: (rule) => <ConditionTexts conditions={rule.conditions} /> },
          { id: 'project', label: t('ownership.to'), cell: (rule) => <ProjectName id={rule.project_id} /> },
          { id: 'enabled', label: t('ownership.state'), cell: (rule) => <Label isCompact color={rule.enabled ? 'green' : 'grey'}>{t(rule.enabled ? 'ownership.on' : 'ownership.off')}</Label> },
        ]}
        tools={may && <Button onClick={() => void navigate('/ownership-rules/new')}>{t('ownership.add')}</Button>}
        acts={may ? (rule) => (
          <ActsMenu
            name={rule.name}
            acts={[
              { key: 'edit', label: t('access.edit'), run: () => void navigate(`/ownership-rules/${rule.id}`) },
              { key: 'enable', label: t(rule.enabled ? 'ownership.turnOff' : 'ownership.turnOn'), run: () => enable(rule, !rule.enabled) },
              { key: 'remove', label: t('access.remove'), isDanger: true, dialog: (onClose) => <RemoveRule rule={rule} onClose={onClose} /> },
            ]}
          />
        ) : undefined}
      />
    </ListFrame>
  );
}

function ConditionTexts({ conditions }: { conditions: readonly Condition[] }) {
  const { t } = useTranslation();
  return (
    <ul className="sp-plain">
      {conditions.map(({ field, pattern }) => (
        <li key={`${field} ${pattern}`}>
          {t(`ownership.fields.${field}`)} <span className="sp-mono">{pattern}</span>
        </li>
      ))}
    </ul>
  );
}

export function RemoveRule({ rule, onClose, onDone }: { rule: Rule; onClose: () => void; onDone?: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const remove = async () => {
    await data(api.DELETE('/v1/ownership-rules/{id}', { params: { path: { id: rule.id } } }));
    onDone?.();
    done(t('access.removed', { name: rule.name }), rule.id);
  };
  return (
    <ConfirmByName title={t('access.removeTitle', { name: rule.name })} name={rule.name} act={t('access.remove')} onConfirm={remove} onClose={onClose}>
      <Content component="p">{t('ownership.removeWhat')}</Content>
    </ConfirmByName>
  );
}
