import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { MemoryRouter } from 'react-router';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { keys } from '@/api/keys';
import { startLanguages } from '@/i18n';
import { Attention } from './Attention';
import { CHECKS } from './checks';

const source = (state: string, more: object = {}) => ({ id: state, sync: { state, reason: null, ...more }, quarantined_count: 0 });
const store = (id: string, free_bytes: number) => ({ id, name: id, capacity_bytes: 100, free_bytes, datastore_cluster: false, hosts: [] });

/** What is shown of these, with the way that each leads. */
function shown({ providers = [] as object[], counts = {} as Record<string, number>, stores = [] as object[] }): [string, string | null][] {
  const client = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, retry: false } } });
  client.setQueryData(keys.providers(), providers);
  for (const { kind, params, text } of CHECKS) client.setQueryData(keys.count(kind, params), counts[text] ?? 0);
  client.setQueryData(keys.list('datastore', { sort: 'free_bytes' }), { rows: stores, next: null, revision: '1' });
  render(
    <QueryClientProvider client={client}>
      <MemoryRouter>
        <Attention />
      </MemoryRouter>
    </QueryClientProvider>,
  );
  return screen.queryAllByRole('link').map((link) => [link.textContent, link.getAttribute('href')]);
}

beforeAll(() => startLanguages('en'));
afterEach(cleanup);

it('says what a platform suffers from, the gravest first, and leads there', () => {
  const providers = [
    { id: 'l', name: 'slow', sources: [source('lagging', { reason: 'timed_out' })] },
    { id: 'q', name: 'odd', sources: [{ ...source('live'), quarantined_count: 2 }] },
    { id: 'u', name: 'gone', sources: [source('unreachable', { reason: 'connect_failed' })] },
    { id: 's', name: 'kvm', sources: [source('unreachable'), source('live')] },
  ];
  expect(shown({ providers })).toEqual([
    ['gone cannot be reached: Connection failed', '/providers/u'],
    ['kvm: 1 of 2 endpoints cannot be reached', '/providers/s'],
    ['slow is behind: Timed out', '/providers/l'],
    ['odd: 2 objects were left out', '/providers/q/quarantine'],
  ]);
});

it('counts hosts, VMs and datastores that need it, each by the filter that its link has', () => {
  expect(shown({ counts: Object.fromEntries(CHECKS.map(({ text }, index) => [text, index + 1])) })).toEqual([
    ['1 host is not connected', '/hosts?state=disconnected%2Cnot_responding'],
    ['2 VMs have crashed', '/vms?power_state=crashed'],
    ['5 datastores are inaccessible', '/datastores?state=inaccessible'],
    ['3 VMs are not in order', '/vms?condition=disconnected%2Cinaccessible%2Corphaned%2Cinvalid'],
    ['4 VMs wait for an answer', '/vms?question.exists=true'],
    ['6 hosts are known by several providers', '/hosts?also_known_as.exists=true'],
    ['7 hosts are in maintenance', '/hosts?maintenance=true'],
  ]);
});

it('names the nearly full datastores, the fullest first, and counts the others', () => {
  const stores = [store('a', 9), store('b', 1), store('c', 10), store('d', 50), store('e', 2), store('f', 3)];
  expect(shown({ stores })).toEqual([
    ['b is 99% full', '/datastores/b'],
    ['e is 98% full', '/datastores/e'],
    ['f is 97% full', '/datastores/f'],
    ['a is 91% full', '/datastores/a'],
    ['1 more datastore is nearly full', '/datastores?sort=free_bytes'],
  ]);
});

it('says that nothing needs it', () => {
  expect(shown({})).toEqual([]);
  expect(screen.getByText('Nothing needs your attention.')).toBeTruthy();
});
