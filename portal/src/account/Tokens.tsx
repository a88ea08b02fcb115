// The tokens of who is signed in: made, shown once, revoked.
import { Alert, Button, ClipboardCopy, ModalBody, ModalFooter, ModalHeader, Skeleton } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import type { components } from '@/api/gen/schema';
import { Age } from '@/components/Age';
import { ConfirmByName } from '@/components/ConfirmByName';
import { Dialog } from '@/components/Dialog';
import { ProblemAlert } from '@/components/Problem';
import { ApiForm } from '@/form/ApiForm';
import { TextField } from '@/form/fields';
import { useForm } from '@/form/useForm';
import { formatTime } from '@/format/format';
import { useToast } from '@/shell/Toasts';

type Token = components['schemas']['Token'];
type Created = components['schemas']['TokenCreated'];
const KEY = ['tokens'] as const;

export function Tokens() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const toast = useToast();
  const [dialog, setDialog] = useState<'create' | Token | undefined>();
  const [created, setCreated] = useState<Created>();
  const { data: tokens, error } = useQuery({ queryKey: KEY, queryFn: async () => (await data(api.GET('/v1/tokens'))).items, staleTime: 10_000 });
  const again = () => client.invalidateQueries({ queryKey: KEY });
  const revoke = async (token: Token) => {
    await data(api.DELETE('/v1/tokens/{id}', { params: { path: { id: token.id } } }));
    toast({ title: t('account.tokens.revoked', { name: token.name }) });
    void again();
  };
  return (
    <>
      {error && !tokens ? (
        <ProblemAlert error={error} />
      ) : !tokens ? (
        <Skeleton screenreaderText={t('common.loading')} />
      ) : tokens.length === 0 ? (
        <p className="sp-muted">{t('account.tokens.empty')}</p>
      ) : (
        <TokenTable tokens={tokens} onRevoke={setDialog} />
      )}
      <div>
        <Button variant="secondary" onClick={() => setDialog('create')}>
          {t('account.tokens.add')}
        </Button>
      </div>
      {dialog === 'create' && (
        <CreateDialog
          onClose={() => setDialog(undefined)}
          onDone={(token) => {
            setDialog(undefined);
            setCreated(token);
            void again();
          }}
        />
      )}
      {typeof dialog === 'object' && (
        <ConfirmByName
          title={t('account.tokens.revokeTitle', { name: dialog.name })} name={dialog.name} act={t('account.tokens.revoke')} onConfirm={() => revoke(dialog)}
          onClose={() => setDialog(undefined)}
        >
          {t('account.tokens.revokeWhat')}
        </ConfirmByName>
      )}
      {created && <ShownOnce created={created} onClose={() => setCreated(undefined)} />}
    </>
  );
}

function TokenTable({ tokens, onRevoke }: { tokens: readonly Token[]; onRevoke: (token: Token) => void }) {
  const { t } = useTranslation();
  return (
    <Table variant="compact" gridBreakPoint="grid-md" aria-label={t('account.tokens.title')}>
      <Thead>
        <Tr>
          <Th>{t('account.tokens.name')}</Th>
          <Th>{t('account.tokens.created')}</Th>
          <Th>{t('account.tokens.expires')}</Th>
          <Th>{t('account.tokens.lastUsed')}</Th>
          <Th screenReaderText={t('common.actions')} />
        </Tr>
      </Thead>
      <Tbody>
        {tokens.map((token) => (
          <Tr key={token.id}>
            <Td dataLabel={t('account.tokens.name')} className="sp-anywhere">{token.name}</Td>
            <Td dataLabel={t('account.tokens.created')}>
              <Age time={token.created_at} />
            </Td>
            <Td dataLabel={t('account.tokens.expires')}>{token.expires_at ? formatTime(token.expires_at) : t('account.tokens.never')}</Td>
            <Td dataLabel={t('account.tokens.lastUsed')}>{token.last_used_at ? <Age time={token.last_used_at} /> : t('account.tokens.unused')}</Td>
            <Td isActionCell>
              <Button variant="link" isDanger isInline onClick={() => onRevoke(token)} aria-label={t('account.tokens.revokeOne', { name: token.name })}>
                {t('account.tokens.revoke')}
              </Button>
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

function CreateDialog({ onDone, onClose }: { onDone: (token: Created) => void; onClose: () => void }) {
  const { t } = useTranslation();
  const id = useId();
  const form = useForm({
    initial: { name: '', expires_in_days: '90' },
    send: ({ name, expires_in_days }) => data(api.POST('/v1/tokens', { body: { name: name.trim(), expires_in_days: Number(expires_in_days) } })),
    onDone,
  });
  return (
    <Dialog variant="small" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader title={t('account.tokens.add')} labelId={`${id}-title`} />
      <ModalBody>
        <ApiForm form={form} id={`${id}-form`}>
          <TextField form={form} name="name" label={t('account.tokens.name')} hint={t('account.tokens.nameHint')} isRequired autoFocus />
          <TextField form={form} name="expires_in_days" type="number" label={t('account.tokens.days')} hint={t('account.tokens.daysHint')} isRequired />
        </ApiForm>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form={`${id}-form`} isLoading={form.isPending} spinnerAriaLabel={t('common.loading')} spinnerAriaValueText={t('common.loading')} isDisabled={form.isPending}>
          {t('account.tokens.add')}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('common.cancel')}
        </Button>
      </ModalFooter>
    </Dialog>
  );
}

function ShownOnce({ created, onClose }: { created: Created; onClose: () => void }) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <Dialog variant="small" aria-labelledby={`${id}-title`}>
      <ModalHeader title={t('account.tokens.shownTitle')} labelId={`${id}-title`} />
      <ModalBody className="sp-form__part">
        <Alert variant="warning" variantLabel={t('alerts.warning')} isInline isPlain component="h2" title={t('account.tokens.shownHint')} />
        <ClipboardCopy isReadOnly hoverTip={t('common.copy')} clickTip={t('common.copied')} textAriaLabel={created.name} toggleAriaLabel={created.name}>
          {created.token}
        </ClipboardCopy>
        <p className="sp-muted sp-small">{t('account.tokens.shownUse')}</p>
      </ModalBody>
      <ModalFooter>
        <Button onClick={onClose}>{t('account.tokens.close')}</Button>
      </ModalFooter>
    </Dialog>
  );
}
