import { expect, it } from 'vitest';
import type { Provider } from './provider';
import { createBody, editBody, emptyValues, valuesOf } from './values';

const provider = {
  id: 'p', name: 'kvm', kind: 'kvm', username: 'me', has_password: true, trust: { thumbprint_sha256: 'AA', ca_pem: null },
  sources: [{ endpoint: 'qemu+ssh://a/system' }, { endpoint: 'qemu+ssh://b/system' }],
} as unknown as Provider;

it('takes one address of a vCenter and one a line of KVM', () => {
  expect(createBody({ ...emptyValues('vsphere'), name: ' vc ', endpoints: ' vc.example ' })).toMatchObject({ name: 'vc', endpoints: ['vc.example'] });
  expect(createBody({ ...emptyValues('kvm'), endpoints: 'a\n\n  b \n' }).endpoints).toEqual(['a', 'b']);
});

it('asks for an address at its field when there is none', () => {
  expect(createBody(emptyValues('vsphere')).endpoints).toEqual(['']);
  expect(createBody(emptyValues('kvm')).endpoints).toEqual([]);
});

it('leaves out what was not typed', () => {
  expect(createBody(emptyValues('kvm'))).toMatchObject({ username: undefined, password: undefined, trust: undefined });
});

it('edits only what differs, and clears what was emptied', () => {
  const values = valuesOf(provider);
  expect(editBody(provider, values)).toEqual({});
  expect(editBody(provider, { ...values, name: 'other', username: ' ' })).toEqual({ name: 'other', username: null });
  expect(editBody(provider, { ...values, thumbprint: '', password: 'new' })).toEqual({ trust: { thumbprint_sha256: null }, password: 'new' });
  expect(editBody(provider, { ...values, endpoints: 'qemu+ssh://b/system' })).toEqual({ endpoints: ['qemu+ssh://b/system'] });
});
