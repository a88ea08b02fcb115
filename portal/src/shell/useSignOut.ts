import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '@/api/client';
import { keys } from '@/api/queries';
import { problemTitle } from '@/components/Problem';
import { useToast } from './Toasts';

/** Ends the session; nothing of it stays in the page. */
export function useSignOut() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const toast = useToast();
  return useMutation({
    mutationFn: () => api.POST('/v1/logout'),
    onSuccess: () => {
      client.setQueryData(keys.session(), null);
      client.removeQueries({ predicate: (query) => query.queryKey[0] !== 'session' });
    },
    onError: (error) => toast({ title: problemTitle(t, error), variant: 'danger' }),
  });
}
