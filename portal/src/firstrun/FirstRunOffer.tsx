// Who signs in to a gateway without any platform is led to the first steps, once.
import { useQuery } from '@tanstack/react-query';
import { Navigate, useLocation } from 'react-router';
import { useMay } from '@/access/queries';
import { providersQuery } from '@/api/queries';
import { isFirstRunOver } from './steps';

export function FirstRunOffer() {
  const { pathname } = useLocation();
  const { data: providers } = useQuery(providersQuery);
  const mayWrite = useMay('provider.write');
  if (!mayWrite || pathname !== '/' || providers?.length !== 0 || isFirstRunOver()) return null;
  return <Navigate to="/first-run" replace />;
}
