// May somebody do something somewhere, and because of what: decided by the gateway as a request would be.
import { Alert, Button, Form, FormGroup, FormHelperText, FormSelect, FormSelectOption, HelperText, HelperTextItem, ModalBody, ModalFooter, ModalHeader, Skeleton } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { sessionQuery } from '@/api/queries';
import { Dialog } from '@/components/Dialog';
import { ProblemAlert } from '@/components/Problem';
import { projectLabel, roleLabel, signInName } from './Names';
import { ACCESS, permissionsQuery, PLATFORM, projectsQuery, tenantsQuery, useMay, usersQuery, type Permission, type Scope, type User } from './queries';
import { useMeaning } from './RoleDialogs';

interface Props {
  /** What is named in the title. */
  name: string;
  /** Where it is asked; chosen when it is asked of a user. */
  on?: Scope;
  user?: User;
  first?: Permission;
  onClose: () => void;
}

const placeOf = (scope: Scope) => `${scope.kind} ${scope.id}`;

export function WhyDialog({ name, on, user, first = 'inventory.read', onClose }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const { data: session } = useQuery(sessionQuery);
  const { data: users } = useQuery({ ...usersQuery, enabled: useMay('member.read') });
  const { data: permissions } = useQuery({ ...permissionsQuery, staleTime: Infinity });
  const places = usePlaces();
  const meaning = useMeaning();
  const [who, setWho] = useState(user?.id ?? session?.user_id ?? '');
  const [what, setWhat] = useState<Permission>(first);
  const [where, setWhere] = useState(on && placeOf(on));
  const place = on ?? (places.find(({ scope }) => placeOf(scope) === where) ?? places[0])?.scope;
  const people = users?.length ? users.map((one) => ({ id: one.id, label: signInName(one) })) : session ? [{ id: session.user_id, label: signInName(session) }] : [];
  return (
    <Dialog variant="medium" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader title={t(user ? 'access.why.ofUser' : 'access.why.title', { name })} description={t('access.why.lead')} labelId={`${id}-title`} />
      <ModalBody>
        <Form isHorizontal={false} onSubmit={(event) => event.preventDefault()}>
          {!user && (
            <FormGroup label={t('access.why.who')} fieldId={`${id}-who`}>
              <FormSelect id={`${id}-who`} value={who} onChange={(_, value) => setWho(value)} autoFocus>
                {people.map((one) => (
                  <FormSelectOption key={one.id} value={one.id} label={one.label} />
                ))}
              </FormSelect>
            </FormGroup>
          )}
          <FormGroup label={t('access.why.what')} fieldId={`${id}-what`}>
            <FormSelect id={`${id}-what`} value={what} onChange={(_, value) => setWhat(value as Permission)} aria-describedby={`${id}-meaning`} autoFocus={Boolean(user)}>
              {(permissions ?? [{ name: what }]).map((one) => (
                <FormSelectOption key={one.name} value={one.name} label={one.name} />
              ))}
            </FormSelect>
            <FormHelperText>
              <HelperText>
                <HelperTextItem id={`${id}-meaning`}>{meaning(what)}</HelperTextItem>
              </HelperText>
            </FormHelperText>
          </FormGroup>
          {!on && (
            <FormGroup label={t('access.why.where')} fieldId={`${id}-where`}>
              <FormSelect id={`${id}-where`} value={place && placeOf(place)} onChange={(_, value) => setWhere(value)}>
                {places.map(({ scope, label }) => (
                  <FormSelectOption key={placeOf(scope)} value={placeOf(scope)} label={label} />
                ))}
              </FormSelect>
            </FormGroup>
          )}
        </Form>
        <div className="sp-why" role="status">
          {place && who && <Answer who={who} what={what} place={place} />}
        </div>
      </ModalBody>
      <ModalFooter>
        <Button onClick={onClose}>{t('common.close')}</Button>
      </ModalFooter>
    </Dialog>
  );
}

/** Every tenant and project that is seen, to choose from. */
export function usePlaces(): { scope: Scope; label: string }[] {
  const { t } = useTranslation();
  const { data: tenants } = useQuery({ ...tenantsQuery, enabled: useMay('tenant.read') });
  const { data: projects } = useQuery({ ...projectsQuery, enabled: useMay('project.read') });
  return [
    ...(tenants ?? []).map(({ id, path }) => ({ scope: { kind: 'tenant', id } as Scope, label: id === PLATFORM ? t('access.platform') : t('access.bindings.inTenant', { name: path }) })),
    ...(projects ?? []).map((project) => ({ scope: { kind: 'project', id: project.id } as Scope, label: t('access.bindings.inProject', { name: projectLabel(project) }) })),
  ];
}

function Answer({ who, what, place }: { who: string; what: Permission; place: Scope }) {
  const { t } = useTranslation();
  const { data: answer, error } = useQuery({
    queryKey: [ACCESS, 'why', who, what, place],
    queryFn: ({ signal }) => data(api.POST('/v1/authz/simulate', { body: { user_id: who, permission: what, on: place }, signal })),
    staleTime: 0,
  });
  if (error) return <ProblemAlert error={error} />;
  if (!answer) return <Skeleton screenreaderText={t('common.loading')} />;
  const nothing = answer.because.length === 0 && !answer.hidden;
  const title = t(answer.allowed ? 'access.why.allowed' : nothing ? 'access.why.nothing' : 'access.why.denied');
  return (
    <>
      <Alert variant={answer.allowed ? 'success' : 'danger'} variantLabel={t(answer.allowed ? 'alerts.success' : 'alerts.danger')} isInline component="h2" title={title}>
        {answer.hidden && t('access.why.hidden')}
      </Alert>
      {answer.because.length > 0 && (
        <Table variant="compact" gridBreakPoint="grid-md" aria-label={t('access.why.because')}>
          <Thead>
            <Tr>
              <Th>{t('access.bindings.effect')}</Th>
              <Th>{t('access.bindings.role')}</Th>
              <Th>{t('access.bindings.subject')}</Th>
              <Th>{t('access.bindings.scope')}</Th>
            </Tr>
          </Thead>
          <Tbody>
            {answer.because.map(({ binding, role, subject, scope }) => (
              <Tr key={binding.id}>
                <Td dataLabel={t('access.bindings.effect')}>{t(`access.bindings.effects.${binding.effect}`)}</Td>
                <Td dataLabel={t('access.bindings.role')}>{roleLabel(t, role)}</Td>
                <Td dataLabel={t('access.bindings.subject')} className="sp-anywhere">{binding.subject.kind === 'group' ? t('access.bindings.ofGroup', { name: subject }) : subject}</Td>
                <Td dataLabel={t('access.bindings.scope')} className="sp-anywhere">
                  {scopeLabel(binding.scope, scope)}
                </Td>
              </Tr>
            ))}
          </Tbody>
        </Table>
      )}
    </>
  );
  function scopeLabel(of: Scope, named: string) {
    if (of.kind === 'object') return t('access.bindings.oneObject');
    if (of.id === PLATFORM) return t('access.platform');
    return t(of.kind === 'tenant' ? 'access.bindings.inTenant' : 'access.bindings.inProject', { name: named });
  }
}
