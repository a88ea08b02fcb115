// What is done by one press, and the word about it.
import { useMutation } from '@tanstack/react-query';
import { createElement } from 'react';
import { useTranslation } from 'react-i18next';
import { ProblemError } from '@/api/problem';
import { GatewayWords } from '@/components/GatewayWords';
import { problemTitle } from '@/components/Problem';
import { useToast } from '@/shell/Toasts';
import { useAccessAgain } from './queries';

/** Runs what is given, has all read again, and says that it was done, or why not. */
export function useAct() {
  const { t } = useTranslation();
  const toast = useToast();
  const again = useAccessAgain();
  return useMutation({
    mutationFn: ({ run }: { run: () => Promise<unknown>; done: string }) => run(),
    onSuccess: (_, { done }) => {
      toast({ title: done });
      void again();
    },
    onError: (error) =>
      toast({
        title: problemTitle(t, error), variant: 'danger',
        body: error instanceof ProblemError && error.problem.detail ? createElement(GatewayWords, { message: error.problem.detail }) : undefined,
      }),
  });
}

/** The word about what a dialog has done, and all read again. */
export function useDone(): (title: string, removed?: string) => void {
  const toast = useToast();
  const again = useAccessAgain();
  return (title, removed) => {
    toast({ title });
    void again(removed);
  };
}
