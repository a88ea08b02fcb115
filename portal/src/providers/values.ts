// What is typed in a provider's form, and the bodies that it becomes.
import type { components } from '@/api/gen/schema';
import type { Provider } from './provider';

export interface ProviderValues {
  kind: Provider['kind'];
  name: string;
  /** One on each line. */
  endpoints: string;
  username: string;
  password: string;
  thumbprint: string;
  ca_pem: string;
}

/** Where a member of the API's body is another field of the form. */
export const rename = { endpoints: 'endpoints', 'trust/thumbprint_sha256': 'thumbprint', 'trust/ca_pem': 'ca_pem' } as const;

export function emptyValues(kind: Provider['kind']): ProviderValues {
  return { kind, name: '', endpoints: '', username: '', password: '', thumbprint: '', ca_pem: '' };
}

export function valuesOf(provider: Provider): ProviderValues {
  return {
    kind: provider.kind,
    name: provider.name,
    endpoints: provider.sources.map((source) => source.endpoint).join('\n'),
    username: provider.username ?? '',
    password: '',
    thumbprint: provider.trust.thumbprint_sha256 ?? '',
    ca_pem: provider.trust.ca_pem ?? '',
  };
}

/** The addresses as they were typed. None at all is one empty one, so that the API says what is missing at the right field. */
export function endpointsOf(values: ProviderValues): string[] {
  const lines = (values.kind === 'vsphere' ? [values.endpoints] : values.endpoints.split('\n')).map((line) => line.trim()).filter(Boolean);
  return lines.length > 0 ? lines : values.kind === 'vsphere' ? [''] : [];
}

type Create = components['schemas']['ProviderCreate'];
type Edit = components['schemas']['ProviderEdit'];

export function createBody(values: ProviderValues): Create {
  const trust = { thumbprint_sha256: values.thumbprint.trim() || undefined, ca_pem: values.ca_pem.trim() || undefined };
  return {
    name: values.name.trim(),
    kind: values.kind,
    enabled: true,
    endpoints: endpointsOf(values),
    username: values.username.trim() || undefined,
    password: values.password || undefined,
    trust: trust.thumbprint_sha256 || trust.ca_pem ? trust : undefined,
  };
}

/** Only what differs: what stays is left out, what is emptied is cleared. */
export function editBody(provider: Provider, values: ProviderValues): Edit {
  const before = valuesOf(provider);
  const body: Edit = {};
  const endpoints = endpointsOf(values);
  if (values.name.trim() !== before.name) body.name = values.name.trim();
  if (endpoints.join('\n') !== before.endpoints) body.endpoints = endpoints;
  if (values.username.trim() !== before.username) body.username = values.username.trim() || null;
  if (values.password) body.password = values.password;
  const trust: NonNullable<Edit['trust']> = {};
  if (values.thumbprint.trim() !== before.thumbprint) trust.thumbprint_sha256 = values.thumbprint.trim() || null;
  if (values.ca_pem.trim() !== before.ca_pem.trim()) trust.ca_pem = values.ca_pem.trim() || null;
  if (Object.keys(trust).length > 0) body.trust = trust;
  return body;
}
