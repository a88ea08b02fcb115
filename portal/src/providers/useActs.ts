// What is done to a provider by one press, and the word about it.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { keys } from '@/api/queries';
import { problemTitle } from '@/components/Problem';
import { useToast } from '@/shell/Toasts';
import { ProblemError } from '@/api/problem';
import type { Provider } from './provider';

function detailOf(error: unknown): string | undefined {
  return error instanceof ProblemError ? error.problem.detail : undefined;
}

export function useProviderActs() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const toast = useToast();
  const failed = (error: unknown) => toast({ title: problemTitle(t, error), body: detailOf(error), variant: 'danger' });
  const put = (provider: Provider) => client.setQueryData<Provider[]>(keys.providers(), (all) => all?.map((one) => (one.id === provider.id ? provider : one)));

  const resync = useMutation({
    mutationFn: (provider: Provider) => data(api.POST('/v1/providers/{id}/resync', { params: { path: { id: provider.id } } })),
    onSuccess: (_, { name }) => toast({ title: t('providers.resyncStarted', { name }), variant: 'info' }),
    onError: failed,
  });
  const enable = useMutation({
    mutationFn: ({ provider, enabled }: { provider: Provider; enabled: boolean }) =>
      data(api.PATCH('/v1/providers/{id}', { params: { path: { id: provider.id } }, body: { enabled } })),
    onSuccess: (provider) => {
      put(provider);
      toast({ title: t(provider.enabled ? 'providers.enabled' : 'providers.disabled', { name: provider.name }) });
    },
    onError: failed,
  });
  const trust = useMutation({
    mutationFn: ({ provider, fingerprint }: { provider: Provider; fingerprint: string }) =>
      data(api.POST('/v1/providers/{id}/trust', { params: { path: { id: provider.id } }, body: { thumbprint_sha256: fingerprint } })),
    onSuccess: (provider) => {
      put(provider);
      toast({ title: t('providers.trust.done') });
    },
    onError: failed,
  });
  /** The word about an edit. One that changes nothing connects nobody anew: who wants that is offered it. */
  const edited = (before: Provider, now: Provider) => {
    if (now.generation !== before.generation) toast({ title: t('providers.edited', { name: now.name }) });
    else toast({ title: t('providers.unchanged', { name: now.name }), body: t('providers.unchangedHint'), variant: 'info', action: { label: t('providers.resync'), act: () => resync.mutate(now) } });
  };
  return { resync, enable, trust, edited };
}
