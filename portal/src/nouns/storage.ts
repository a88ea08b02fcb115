import { UsedSpace } from '@/components/UsedSpace';
import { relationsOf } from '@/detail/Relations';
import type { Noun } from './noun';

export const datastore: Noun<'datastore'> = {
  kind: 'datastore',
  state: 'state',
  columns: [
    { id: 'state', width: 130 }, { id: 'used', label: 'used', width: 200, Show: UsedSpace }, { id: 'capacity_bytes', width: 110 },
    { id: 'free_bytes', width: 110 }, { id: 'technology', width: 110 }, { id: 'shared', width: 110 }, { id: 'hosts', width: 180 },
    { id: 'provider_id', width: 140 },
  ],
  sections: [
    { title: 'capacity', fields: [{ id: 'used', label: 'used', Show: UsedSpace }, 'capacity_bytes', 'free_bytes', 'provisioned_bytes'] },
    { title: 'general', fields: ['state', 'technology', 'shared', 'datastore_cluster', 'parent_id', 'location', 'tag_ids'] },
    { title: 'placement', fields: ['provider_id', 'zone_id', 'hosts'] },
  ],
  tabs: [
    { id: 'vms', list: { kind: 'vm', params: (datastore) => ({ datastore_ids: datastore.id }) } },
    { id: 'volumes', list: { kind: 'volume', params: (datastore) => ({ datastore_id: datastore.id }), hide: ['datastore_id'] } },
    { id: 'images', list: { kind: 'image', params: (datastore) => ({ datastore_id: datastore.id }), hide: ['datastore_id'] } },
    { id: 'relations', label: 'relations', Show: relationsOf('datastore') },
  ],
};

export const volume: Noun<'volume'> = {
  kind: 'volume',
  columns: [
    { id: 'vm_id', width: 200 }, { id: 'capacity_bytes', width: 110 }, { id: 'allocated_bytes', width: 110 }, { id: 'thin', width: 90 },
    { id: 'format', width: 100 }, { id: 'datastore_id', width: 190 }, { id: 'location', width: 260 }, { id: 'provider_id', width: 140 },
  ],
  parents: [{ kind: 'datastore', field: 'datastore_id' }],
  sections: [
    { title: 'capacity', fields: ['capacity_bytes', 'allocated_bytes', 'thin'] },
    { title: 'general', fields: ['format', 'source', 'read_only', 'shareable', { id: 'vm_id' }] },
    { title: 'placement', fields: ['provider_id', 'zone_id', 'datastore_id', 'storage_policy_id', 'location', 'backing_location'] },
  ],
};

export const storage_policy: Noun<'storage_policy'> = {
  kind: 'storage_policy',
  columns: [{ id: 'description', width: 420 }, { id: 'provider_id', width: 160 }, { id: 'changed_at', width: 140 }],
  sections: [{ title: 'general', fields: ['description', 'provider_id'] }],
  tabs: [
    { id: 'vms', list: { kind: 'vm', params: (policy) => ({ storage_policy_id: policy.id }) } },
    { id: 'volumes', list: { kind: 'volume', params: (policy) => ({ storage_policy_id: policy.id }), hide: ['storage_policy_id'] } },
  ],
};

export const content_library: Noun<'content_library'> = {
  kind: 'content_library',
  columns: [
    { id: 'subscribed', width: 130 }, { id: 'description', width: 360 }, { id: 'created_at', width: 140 }, { id: 'provider_id', width: 160 },
  ],
  sections: [{ title: 'general', fields: ['description', 'subscribed', 'created_at', 'provider_id'] }],
  tabs: [{ id: 'images', list: { kind: 'image', params: (library) => ({ library_id: library.id }), hide: ['library_id'] } }],
};
