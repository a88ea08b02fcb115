// Nobody sees a page without being signed in. The sign-in takes the place of the page and leaves its address alone, so that
// who signs in is where the link led.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react';
import { onSignedOut } from '@/api/client';
import { keys, sessionQuery } from '@/api/queries';
import { FullPageProblem } from '@/components/Problem';
import { Loading } from '@/components/Loading';

const SignIn = lazy(async () => ({ default: (await import('./SignIn')).SignIn }));

export function SessionGate({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [ended, setEnded] = useState(false);
  const { data, error, isPending, refetch } = useQuery(sessionQuery);

  useEffect(
    () =>
      onSignedOut(() => {
        if (client.getQueryData(keys.session())) setEnded(true);
        client.setQueryData(keys.session(), null);
      }),
    [client],
  );

  if (isPending) return <Loading />;
  if (error) return <FullPageProblem error={error} onRetry={() => void refetch()} />;
  if (!data) {
    return (
      <Suspense fallback={<Loading />}>
        <SignIn ended={ended} />
      </Suspense>
    );
  }
  return children;
}
