import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { ProblemError, type Problem } from '@/api/problem';
import { startLanguages } from '@/i18n';
import { ApiForm } from './ApiForm';
import { TextField } from './fields';
import { fieldOfProblem, useForm } from './useForm';

const refused = (more: object) =>
  new ProblemError({ type: '/docs/problems/invalid-field', title: 'A field cannot be accepted', status: 422, detail: 'is not good', ...more } as Problem);

const TEST = 'Test';

function Sample({ send }: { send: (values: { name: string; endpoint: string }) => Promise<unknown> }) {
  const form = useForm({ initial: { name: 'lab', endpoint: 'x' }, send, rename: { 'endpoints/0': 'endpoint' } });
  return (
    <ApiForm form={form} act="Send" more={<button type="button" onClick={() => form.blame(undefined)}>{TEST}</button>}>
      <TextField form={form} name="name" label="Name" />
      <TextField form={form} name="endpoint" label="Address" />
    </ApiForm>
  );
}

function show(send: () => Promise<unknown>) {
  render(
    <QueryClientProvider client={new QueryClient()}>
      <Sample send={send} />
    </QueryClientProvider>,
  );
}

async function submit() {
  await act(async () => {
    fireEvent.click(screen.getByRole('button', { name: 'Send' }));
    await new Promise((done) => setTimeout(done, 20));
  });
}

beforeAll(() => startLanguages('en'));
afterEach(cleanup);

it('shows a refusal at the field that it names, keeps what was typed, and forgets it when it is typed anew', async () => {
  show(() => Promise.reject(refused({ field: 'endpoints[0]', pointer: '/endpoints/0' })));
  fireEvent.change(screen.getByLabelText('Address'), { target: { value: 'nowhere' } });
  await submit();
  const address = screen.getByLabelText<HTMLInputElement>('Address');
  expect(address.getAttribute('aria-invalid')).toBe('true');
  expect(address.value).toBe('nowhere');
  expect(document.activeElement).toBe(address);
  expect(screen.getByText('is not good')).toBeTruthy();
  expect(screen.queryByText('What does this mean?'), 'said once').toBeNull();
  fireEvent.change(address, { target: { value: 'elsewhere' } });
  expect(address.getAttribute('aria-invalid')).toBe('false');
});

it('forgets a refusal when other values are tested', async () => {
  show(() => Promise.reject(refused({ field: 'endpoints[0]', pointer: '/endpoints/0' })));
  await submit();
  const address = screen.getByLabelText<HTMLInputElement>('Address');
  fireEvent.change(address, { target: { value: 'elsewhere' } });
  await act(async () => {
    fireEvent.click(screen.getByRole('button', { name: TEST }));
    await new Promise((done) => setTimeout(done, 20));
  });
  expect(address.getAttribute('aria-invalid')).toBe('false');
  expect(screen.queryByText('is not good')).toBeNull();
});

it('shows above the form what belongs to no field of it', async () => {
  show(() => Promise.reject(refused({ field: 'trust', pointer: '/trust' })));
  await submit();
  expect(screen.getByText('What does this mean?')).toBeTruthy();
});

it('knows the field of a problem', () => {
  expect(fieldOfProblem(refused({ field: 'endpoints[0]', pointer: '/endpoints/0' }), { endpoints: 'endpoint' })).toBe('endpoint');
  expect(fieldOfProblem(refused({ field: 'name', pointer: '/name' }))).toBe('name');
  expect(fieldOfProblem(refused({ field: 'endpoints[0]' }), { endpoints: 'endpoint' }), 'without a pointer').toBe('endpoint');
  expect(fieldOfProblem(refused({ field: 'limit' }))).toBe('limit');
  expect(fieldOfProblem(refused({}))).toBeUndefined();
  expect(fieldOfProblem(new TypeError('no network'))).toBeUndefined();
});
