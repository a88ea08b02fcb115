import { Button } from '@patternfly/react-core';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { problemTitle } from '@/components/Problem';
import { useToast } from '@/shell/Toasts';

/** Walks the whole log, and says whether it is as it was written. */
export function Verify() {
  const { t } = useTranslation();
  const toast = useToast();
  const { mutate, isPending } = useMutation({
    mutationFn: () => data(api.GET('/v1/audit/verify')),
    onSuccess: ({ sound, entries, broken }) =>
      sound
        ? toast({ title: t('audit.sound'), body: t('audit.soundEntries', { count: entries }) })
        : toast({ title: t('audit.broken'), variant: 'danger', body: broken && t('audit.brokenAt', { seq: String(broken.seq), fault: t(`audit.breaks.${broken.fault}`) }) }),
    onError: (error) => toast({ title: problemTitle(t, error), variant: 'danger' }),
  });
  return (
    <Button variant="secondary" onClick={() => mutate()} isLoading={isPending} isDisabled={isPending} spinnerAriaLabel={t('common.loading')} spinnerAriaValueText={t('common.loading')}>
      {t('audit.verify')}
    </Button>
  );
}
