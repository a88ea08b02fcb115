// Every noun of the inventory, by declaration.
import type { Kind } from '@/api/gen/fields';
import type { Noun } from './noun';
import { cluster, folder, host, resource_pool, tag, zone } from './infrastructure';
import { network, nic } from './network';
import { content_library, datastore, storage_policy, volume } from './storage';
import { image, snapshot } from './compute';
import { vm } from './vm';

export const nouns: { readonly [K in Kind]: Noun<K> } = {
  zone, cluster, host, resource_pool, folder, datastore, network, image, vm, volume, nic, snapshot, tag, storage_policy, content_library,
};

export function nounOf<K extends Kind>(kind: K): Noun<K> {
  return nouns[kind] as unknown as Noun<K>;
}
