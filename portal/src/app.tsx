// The application: its cache, its addresses, and what is loaded when.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createBrowserRouter, Navigate, RouterProvider, type RouteObject } from 'react-router';
import { paths, type Kind } from './api/gen/fields';
import { ProblemError } from './api/problem';
import { Layout } from './shell/Layout';
import { NotFound, RouteFailed } from './shell/Failures';
import { Loading } from './components/Loading';
import { SessionGate } from './shell/SessionGate';
import { Toasts } from './shell/Toasts';

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // The change stream says when something is not true any more.
      staleTime: Infinity,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: false,
      // What the gateway refuses it refuses again; what did not reach it is tried again.
      retry: (failures, error) => failures < 3 && (!(error instanceof ProblemError) || error.status >= 500),
    },
  },
});

/** The list and the detail pages of every noun are the same two pages, with the noun's declaration. */
function nounRoutes(kind: Kind): RouteObject[] {
  return [
    {
      path: paths[kind],
      lazy: async () => {
        const { ListPage } = await import('./table/ListPage');
        return { element: <ListPage key={kind} kind={kind} /> };
      },
    },
    {
      path: `${paths[kind]}/:id/:tab?`,
      lazy: async () => {
        const { DetailPage } = await import('./detail/DetailPage');
        return { element: <DetailPage key={kind} kind={kind} /> };
      },
    },
  ];
}

const router = createBrowserRouter([
  {
    element: (
      <SessionGate>
        <Layout />
      </SessionGate>
    ),
    errorElement: <RouteFailed />,
    HydrateFallback: Loading,
    children: [
      {
        errorElement: <RouteFailed />,
        children: [
          { index: true, lazy: async () => ({ Component: (await import('./pages/overview/Overview')).Overview }) },
          { path: 'inventory', lazy: async () => ({ Component: (await import('./pages/inventory/Inventory')).Inventory }) },
          ...(Object.keys(paths) as Kind[]).flatMap(nounRoutes),
          { path: 'providers', lazy: async () => ({ Component: (await import('./pages/Providers')).Providers }) },
          { path: 'providers/new', lazy: async () => ({ Component: (await import('./pages/ProviderAdd')).ProviderAdd }) },
          { path: 'providers/:id/edit', lazy: async () => ({ Component: (await import('./pages/ProviderEdit')).ProviderEdit }) },
          { path: 'providers/:id/:tab?', lazy: async () => ({ Component: (await import('./pages/ProviderPage')).ProviderPage }) },
          { path: 'tenants', lazy: async () => ({ Component: (await import('./pages/access/Tenants')).Tenants }) },
          { path: 'tenants/:id/:tab?', lazy: async () => ({ Component: (await import('./pages/access/TenantPage')).TenantPage }) },
          { path: 'projects', lazy: async () => ({ Component: (await import('./pages/access/Projects')).Projects }) },
          { path: 'projects/:id/:tab?', lazy: async () => ({ Component: (await import('./pages/access/ProjectPage')).ProjectPage }) },
          { path: 'users', lazy: async () => ({ Component: (await import('./pages/access/Users')).Users }) },
          { path: 'users/:id/:tab?', lazy: async () => ({ Component: (await import('./pages/access/UserPage')).UserPage }) },
          { path: 'groups', lazy: async () => ({ Component: (await import('./pages/access/Groups')).Groups }) },
          { path: 'groups/:id/:tab?', lazy: async () => ({ Component: (await import('./pages/access/GroupPage')).GroupPage }) },
          { path: 'roles', lazy: async () => ({ Component: (await import('./pages/access/Roles')).Roles }) },
          { path: 'roles/:id', lazy: async () => ({ Component: (await import('./pages/access/RolePage')).RolePage }) },
          { path: 'ownership-rules', lazy: async () => ({ Component: (await import('./pages/access/Rules')).Rules }) },
          { path: 'ownership-rules/new', lazy: async () => ({ Component: (await import('./pages/access/RulePage')).RuleAdd }) },
          { path: 'ownership-rules/:id', lazy: async () => ({ Component: (await import('./pages/access/RulePage')).RulePage }) },
          { path: 'audit', lazy: async () => ({ Component: (await import('./pages/Audit')).Audit }) },
          { path: 'first-run/:step?', lazy: async () => ({ Component: (await import('./pages/FirstRun')).FirstRun }) },
          { path: 'account', lazy: async () => ({ Component: (await import('./pages/Account')).Account }) },
          { path: 'about', lazy: async () => ({ Component: (await import('./pages/About')).About }) },
          { path: 'sign-in', element: <Navigate to="/" replace /> },
          { path: '*', element: <NotFound /> },
        ],
      },
    ],
  },
]);

export function App() {
  return (
    <QueryClientProvider client={client}>
      <Toasts>
        <RouterProvider router={router} />
      </Toasts>
    </QueryClientProvider>
  );
}
