// Whose a machine is, and why: by hand, by a rule, or by nothing; each rule with what the machine has there.
import { Button, Card, CardBody, CardTitle, Label } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { Bindings } from '@/access/Bindings';
import { Facts } from '@/access/Details';
import { FormDialog } from '@/access/FormDialog';
import { OwnerName, TenantName } from '@/access/Names';
import { ownerQuery, useMay, type Ownership } from '@/access/queries';
import { useAct, useDone } from '@/access/useAct';
import { WhyButton } from '@/access/WhyButton';
import { api, data } from '@/api/client';
import type { Objects } from '@/api/gen/fields';
import { keys } from '@/api/queries';
import { Age } from '@/components/Age';
import { Loading } from '@/components/Loading';
import { FullPageProblem } from '@/components/Problem';
import { useForm } from '@/form/useForm';
import { ProjectField, TO_PLATFORM } from './ProjectField';

type Vm = Objects['vm'];

export function VmOwner({ object: vm }: { object: Vm }) {
  const { t } = useTranslation();
  const mayRoles = useMay('binding.read');
  const { data: owner, error, refetch } = useQuery(ownerQuery(vm.id, vm.project_id));
  if (error && !owner) return <FullPageProblem error={error} onRetry={() => void refetch()} />;
  if (!owner) return <Loading />;
  return (
    <div className="sp-form__part">
      <Card isCompact>
        <CardTitle component="h2">{t('ownership.owner')}</CardTitle>
        <CardBody>
          <Facts
            entries={[
              [t('ownership.belongsTo'), <OwnerName key="owner" owner={owner} />],
              [t('access.tenant'), <TenantName key="tenant" id={owner.tenant_id} />],
              ...(owner.reason ? [[t('ownership.why'), <Why key="why" reason={owner.reason} />] as const] : []),
            ]}
          />
          <Acts vm={vm} owner={owner} />
        </CardBody>
      </Card>
      {mayRoles && (
        <Card isCompact>
          <CardTitle component="h2">{t('access.bindings.title')}</CardTitle>
          <CardBody>
            <Bindings scope={{ kind: 'object', id: vm.id }} name={vm.name} />
          </CardBody>
        </Card>
      )}
      {owner.rules.length > 0 && (
        <Card isCompact>
          <CardTitle component="h2">{t('ownership.tried')}</CardTitle>
          <CardBody>
            <Tried owner={owner} />
          </CardBody>
        </Card>
      )}
    </div>
  );
}

function Why({ reason }: { reason: NonNullable<Ownership['reason']> }) {
  const { t } = useTranslation();
  if (reason.kind === 'by_hand') {
    return (
      <>
        {reason.username ? t('ownership.byHand', { name: reason.username }) : t('ownership.byHandSomebody')} · <Age time={reason.at} />
      </>
    );
  }
  if (reason.kind === 'nothing') return <>{t('ownership.byNothing')}</>;
  return (
    <>
      {t('ownership.byRule')} <Link to={`/ownership-rules/${reason.id}`}>{reason.name}</Link>
    </>
  );
}

function Acts({ vm, owner }: { vm: Vm; owner: Ownership }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const may = useMay('inventory.assign');
  const act = useAct();
  const [giving, setGiving] = useState(false);
  const again = () => client.invalidateQueries({ queryKey: keys.object('vm', vm.id) });
  const leave = async () => {
    await data(api.DELETE('/v1/vms/{id}/owner', { params: { path: { id: vm.id } } }));
    void again();
  };
  return (
    <div className="sp-acts">
      {may && <Button onClick={() => setGiving(true)}>{t('ownership.give')}</Button>}
      {may && owner.reason?.kind === 'by_hand' && (
        <Button variant="secondary" isDisabled={act.isPending} onClick={() => act.mutate({ run: leave, done: t('ownership.left', { name: vm.name }) })}>
          {t('ownership.leave')}
        </Button>
      )}
      <WhyButton name={vm.name} on={{ kind: 'object', id: vm.id }} />
      {giving && <GiveDialog vm={vm} owner={owner} onClose={() => setGiving(false)} onDone={() => void again()} />}
    </div>
  );
}

function GiveDialog({ vm, owner, onClose, onDone }: { vm: Vm; owner: Ownership; onClose: () => void; onDone: () => void }) {
  const { t } = useTranslation();
  const done = useDone();
  const form = useForm({
    initial: { project_id: owner.project_id ?? '' },
    send: ({ project_id }) => data(api.PUT('/v1/vms/{id}/owner', { params: { path: { id: vm.id } }, body: { project_id: project_id === TO_PLATFORM ? null : project_id } })),
    onDone: () => {
      done(t('ownership.given', { name: vm.name }));
      onDone();
      onClose();
    },
  });
  return (
    <FormDialog form={form} title={t('ownership.giveTitle', { name: vm.name })} lead={t('ownership.giveLead')} act={t('ownership.giveAct')} isDisabled={form.values.project_id === ''} onClose={onClose}>
      <ProjectField form={form} name="project_id" label={t('access.project')} platform />
    </FormDialog>
  );
}

function Tried({ owner }: { owner: Ownership }) {
  const { t } = useTranslation();
  return (
    <Table variant="compact" gridBreakPoint="grid-lg" aria-label={t('ownership.tried')}>
      <Thead>
        <Tr>
          <Th>{t('ownership.priority')}</Th>
          <Th>{t('ownership.rule')}</Th>
          <Th>{t('ownership.conditions')}</Th>
          <Th>{t('ownership.fits')}</Th>
        </Tr>
      </Thead>
      <Tbody>
        {owner.rules.map((rule) => (
          <Tr key={rule.id}>
            <Td dataLabel={t('ownership.priority')}>{rule.priority}</Td>
            <Td dataLabel={t('ownership.rule')} className="sp-anywhere"><Link to={`/ownership-rules/${rule.id}`}>{rule.name}</Link></Td>
            <Td dataLabel={t('ownership.conditions')} className="sp-anywhere">
              <ul className="sp-plain">
                {rule.conditions.map(({ field, pattern, values, holds }) => (
                  <li key={`${field} ${pattern}`}>
                    <Mark good={holds} text={t(holds ? 'ownership.holds' : 'ownership.holdsNot')} /> {t(`ownership.fields.${field}`)} <span className="sp-mono">{pattern}</span>{' '}
                    <span className="sp-muted">{values.length > 0 ? t('ownership.has', { values: values.join(', ') }) : t('ownership.hasNothing')}</span>
                  </li>
                ))}
              </ul>
            </Td>
            <Td dataLabel={t('ownership.fits')}>
              <Mark good={rule.fits} text={t(!rule.enabled ? 'ownership.off' : rule.fits ? 'ownership.doesFit' : 'ownership.fitsNot')} />
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

function Mark({ good, text }: { good: boolean; text: string }) {
  return <Label isCompact color={good ? 'green' : 'grey'}>{text}</Label>;
}
