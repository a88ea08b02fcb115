// What the overview counts because it needs attention.
import type { Kind } from '@/api/gen/fields';
import type { en } from '@/i18n/en';

export type Status = 'danger' | 'warning' | 'info';

/** The key of a text that is told of one and of several. */
type Stem<Key> = Key extends `${infer Start}_one` ? Start : never;

/** What is counted by a filter; the link is to the same list. */
export interface Check {
  kind: Kind;
  params: Record<string, string>;
  status: Status;
  text: Stem<keyof (typeof en)['overview']['checks']>;
}
export const CHECKS: readonly Check[] = [
  { kind: 'host', params: { state: 'disconnected,not_responding' }, status: 'danger', text: 'hostsDown' },
  { kind: 'vm', params: { power_state: 'crashed' }, status: 'danger', text: 'crashed' },
  { kind: 'vm', params: { condition: 'disconnected,inaccessible,orphaned,invalid' }, status: 'warning', text: 'condition' },
  { kind: 'vm', params: { 'question.exists': 'true' }, status: 'warning', text: 'question' },
  { kind: 'datastore', params: { state: 'inaccessible' }, status: 'danger', text: 'storesDown' },
  { kind: 'host', params: { 'also_known_as.exists': 'true' }, status: 'info', text: 'duplicates' },
  { kind: 'host', params: { maintenance: 'true' }, status: 'info', text: 'maintenance' },
];
