import { Button, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { Dialog } from '@/components/Dialog';
import { Loading } from '@/components/Loading';
import { ProblemAlert } from '@/components/Problem';
import { Checks } from './Checks';
import { TrustCertificate } from './Fingerprint';
import type { Provider } from './provider';
import { useProviderActs } from './useActs';

/** Tries the connection of a provider as it is kept. */
export function TestDialog({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  const { t } = useTranslation();
  const id = useId();
  const { trust } = useProviderActs();
  const test = useQuery({
    queryKey: ['provider-test', provider.id, id],
    queryFn: ({ signal }) => data(api.POST('/v1/providers/{id}/test', { params: { path: { id: provider.id } }, signal })),
    gcTime: 0,
    retry: false,
  });
  const fingerprint = test.data?.presented_thumbprint;
  return (
    <Dialog variant="medium" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader title={t('providers.testTitle', { name: provider.name })} labelId={`${id}-title`} />
      <ModalBody tabIndex={0} aria-live="polite">
        {test.isFetching ? <Loading /> : test.error ? <ProblemAlert error={test.error} /> : test.data && <Checks report={test.data} />}
        {!test.isFetching && fingerprint && (
          <TrustCertificate
            fingerprint={fingerprint} isPending={trust.isPending}
            onTrust={() => trust.mutate({ provider, fingerprint }, { onSuccess: () => void test.refetch() })}
          />
        )}
      </ModalBody>
      <ModalFooter>
        <Button onClick={onClose}>{t('common.close')}</Button>
        <Button variant="secondary" onClick={() => void test.refetch()} isDisabled={test.isFetching}>
          {t('common.retry')}
        </Button>
      </ModalFooter>
    </Dialog>
  );
}
