// Who has which role: at a tenant or a project, or of one user or group. Given and taken here.
import { Button, Label } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { Age } from '@/components/Age';
import { useForm } from '@/form/useForm';
import { BindingDialog } from './BindingDialog';
import { FormDialog } from './FormDialog';
import { RoleName, ScopeName, SubjectName } from './Names';
import { bindingsQuery, useMay, type Binding, type Scope, type Subject } from './queries';
import { Rows, type RowColumn } from './Rows';
import { useDone } from './useAct';

interface Props {
  /** Only what is bound there… */
  scope?: Scope;
  /** …which is in this tenant, whose users and roles can be chosen… */
  tenantId?: string;
  /** …or what is bound to these. */
  subject?: Subject;
  name: string;
}

const same = (a: { kind: string; id: string }, b: { kind: string; id: string }) => a.kind === b.kind && a.id === b.id;

export function Bindings({ scope, tenantId, subject, name }: Props) {
  const { t } = useTranslation();
  const { data: bindings, error, refetch } = useQuery(bindingsQuery(scope?.id));
  const may = useMay('binding.write');
  const [dialog, setDialog] = useState<'add' | Binding>();
  const rows = bindings?.filter((one) => (!scope || same(one.scope, scope)) && (!subject || same(one.subject, subject)));
  const columns: RowColumn<Binding>[] = [
    ...(subject ? [] : [{ id: 'subject', label: t('access.bindings.subject'), cell: (one: Binding) => (
      <>
        <SubjectName subject={one.subject} /> {one.subject.kind === 'group' && <Label isCompact variant="outline">{t('access.groups.one')}</Label>}
      </>
    ) }]),
    { id: 'role', label: t('access.bindings.role'), cell: (one) => <RoleName id={one.role_id} /> },
    ...(scope ? [] : [{ id: 'scope', label: t('access.bindings.scope'), cell: (one: Binding) => <ScopeName scope={one.scope} /> }]),
    { id: 'effect', label: t('access.bindings.effect'), cell: (one) => <Effect effect={one.effect} /> },
    { id: 'created', label: t('access.bindings.since'), cell: (one) => <Age time={one.created_at} /> },
  ];
  return (
    <>
      {scope && <p className="sp-muted">{t(`access.bindings.hints.${scope.kind}`)}</p>}
      <Rows
        label={t('access.bindings.title')} rows={rows} error={error} onRetry={() => void refetch()} columns={columns} empty={t('access.bindings.empty')}
        tools={may && <Button onClick={() => setDialog('add')}>{t('access.bindings.add')}</Button>}
        acts={may ? (one) => (
          <Button variant="link" isDanger isInline onClick={() => setDialog(one)}>
            {t('access.bindings.take')}
          </Button>
        ) : undefined}
      />
      {dialog === 'add' && <BindingDialog scope={scope} tenantId={tenantId} subject={subject} name={name} onClose={() => setDialog(undefined)} />}
      {typeof dialog === 'object' && <TakeDialog binding={dialog} onClose={() => setDialog(undefined)} />}
    </>
  );
}

/** By a word and a colour. */
export function Effect({ effect }: { effect: Binding['effect'] }) {
  const { t } = useTranslation();
  return <Label isCompact color={effect === 'allow' ? 'green' : 'red'}>{t(`access.bindings.effects.${effect}`)}</Label>;
}

function TakeDialog({ binding, onClose }: { binding: Binding; onClose: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const form = useForm({
    initial: {},
    send: () => data(api.DELETE('/v1/bindings/{id}', { params: { path: { id: binding.id } } })),
    onDone: () => {
      done(t('access.bindings.taken'));
      onClose();
    },
  });
  return (
    <FormDialog form={form} title={t('access.bindings.takeTitle')} act={t('access.bindings.take')} isDanger onClose={onClose}>
      <p>
        <SubjectName subject={binding.subject} /> · <RoleName id={binding.role_id} /> · <ScopeName scope={binding.scope} /> · <Effect effect={binding.effect} />
      </p>
      <p className="sp-muted">{t(binding.effect === 'allow' ? 'access.bindings.takeWhat' : 'access.bindings.takeDenial')}</p>
    </FormDialog>
  );
}
