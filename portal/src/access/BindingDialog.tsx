// Gives a role to a user or a group somewhere, or denies what it allows.
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { SelectField } from '@/form/fields';
import { useForm } from '@/form/useForm';
import { FormDialog } from './FormDialog';
import { roleLabel, signInName } from './Names';
import { groupsQuery, rolesQuery, useMay, usersQuery, type Binding, type Scope, type Subject } from './queries';
import { useMeaning } from './RoleDialogs';
import { useDone } from './useAct';
import { usePlaces } from './WhyDialog';

const EFFECTS = ['allow', 'deny'] as const satisfies Binding['effect'][];
const textOf = (one: { kind: string; id: string }) => `${one.kind} ${one.id}`;
const read = <T,>(text: string) => {
  const [kind, id] = text.split(' ');
  return { kind, id } as T;
};

interface Props {
  scope?: Scope;
  tenantId?: string;
  subject?: Subject;
  name: string;
  onClose: () => void;
}

export function BindingDialog({ scope, subject, name, onClose }: Props) {
  const { t } = useTranslation();
  const done = useDone();
  const meaning = useMeaning();
  const may = useMay('member.read');
  const { data: users } = useQuery({ ...usersQuery, enabled: may });
  const { data: groups } = useQuery({ ...groupsQuery, enabled: may });
  const { data: roles } = useQuery(rolesQuery);
  const places = usePlaces();
  const subjects = [
    ...(groups ?? []).map((group) => ({ value: textOf({ kind: 'group', id: group.id }), label: t('access.bindings.ofGroup', { name: group.name }) })),
    ...(users ?? []).map((user) => ({ value: textOf({ kind: 'user', id: user.id }), label: signInName(user) })),
  ];
  const form = useForm({
    initial: { subject: subject ? textOf(subject) : '', role_id: '', scope: scope ? textOf(scope) : '', effect: 'allow' as Binding['effect'] },
    send: (values) =>
      data(api.POST('/v1/bindings', { body: { subject: read<Subject>(values.subject), role_id: values.role_id, scope: read<Scope>(values.scope), effect: values.effect } })),
    onDone: () => {
      done(t('access.bindings.given'));
      onClose();
    },
  });
  const role = roles?.find((one) => one.id === form.values.role_id);
  const choose = { value: '', label: t('access.choose') };
  const { values } = form;
  return (
    <FormDialog form={form} title={t('access.bindings.addTitle', { name })} lead={t('access.bindings.lead')} act={t('access.bindings.add')} isDisabled={!values.subject || !values.role_id || !values.scope} onClose={onClose}>
      {!subject && <SelectField form={form} name="subject" label={t('access.bindings.subject')} options={[choose, ...subjects]} isRequired />}
      <SelectField
        form={form} name="role_id" label={t('access.bindings.role')} isRequired
        options={[choose, ...(roles ?? []).map((one) => ({ value: one.id, label: roleLabel(t, one.name) }))]}
        hint={role ? role.permissions.map(meaning).join(' ') : t('access.bindings.roleHint')}
      />
      {!scope && <SelectField form={form} name="scope" label={t('access.bindings.scope')} options={[choose, ...places.map((place) => ({ value: textOf(place.scope), label: place.label }))]} isRequired />}
      <SelectField form={form} name="effect" label={t('access.bindings.effect')} options={EFFECTS.map((value) => ({ value, label: t(`access.bindings.effects.${value}`) }))} hint={t(`access.bindings.effectHints.${values.effect}`)} />
    </FormDialog>
  );
}
