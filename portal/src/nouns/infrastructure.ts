import { relationsOf } from '@/detail/Relations';
import { sectionsOf } from '@/detail/Summary';
import type { Noun } from './noun';

export const zone: Noun<'zone'> = {
  kind: 'zone',
  columns: [{ id: 'provider_id', width: 200 }, { id: 'first_seen_at', width: 160 }, { id: 'changed_at', width: 160 }],
  sections: [{ title: 'general', fields: ['provider_id', 'id', 'tag_ids'] }],
  tabs: [
    { id: 'clusters', list: { kind: 'cluster', params: (zone) => ({ zone_id: zone.id }) } },
    { id: 'hosts', list: { kind: 'host', params: (zone) => ({ zone_id: zone.id }) } },
    { id: 'vms', list: { kind: 'vm', params: (zone) => ({ zone_id: zone.id }) } },
    { id: 'datastores', list: { kind: 'datastore', params: (zone) => ({ zone_id: zone.id }) } },
    { id: 'networks', list: { kind: 'network', params: (zone) => ({ zone_id: zone.id }) } },
  ],
};

export const cluster: Noun<'cluster'> = {
  kind: 'cluster',
  columns: [
    { id: 'host_count', width: 100 }, { id: 'cpu_core_count', width: 110 }, { id: 'cpu_capacity_mhz', width: 130 }, { id: 'memory_mib', width: 110 },
    { id: 'zone_id', width: 160 }, { id: 'standalone', width: 120 }, { id: 'provider_id', width: 150 },
  ],
  parents: [{ kind: 'zone', field: 'zone_id' }],
  sections: [
    { title: 'capacity', fields: ['host_count', 'cpu_core_count', 'cpu_capacity_mhz', 'memory_mib'] },
    { title: 'general', fields: ['standalone', 'drs_enabled', 'ha_enabled', 'tag_ids'] },
    { title: 'placement', fields: ['provider_id', 'zone_id'] },
  ],
  tabs: [
    { id: 'hosts', list: { kind: 'host', params: (cluster) => ({ cluster_id: cluster.id }), hide: ['cluster_id'] }, count: (cluster) => cluster.host_count },
    { id: 'vms', list: { kind: 'vm', params: (cluster) => ({ cluster_id: cluster.id }), hide: ['cluster_id'] } },
    { id: 'resource-pools', list: { kind: 'resource_pool', params: (cluster) => ({ cluster_id: cluster.id }), hide: ['cluster_id'] } },
    { id: 'relations', label: 'relations', Show: relationsOf('cluster') },
  ],
};

export const host: Noun<'host'> = {
  kind: 'host',
  state: 'state',
  columns: [
    { id: 'state', width: 140 }, { id: 'maintenance', width: 120 }, { id: 'cpu_core_count', width: 120 }, { id: 'memory_mib', width: 140 },
    { id: 'cluster_id', width: 180 }, { id: 'hypervisor', width: 210 }, { id: 'addresses', width: 160 }, { id: 'hardware_model', width: 200 },
    { id: 'provider_id', width: 140 },
  ],
  parents: [
    { kind: 'zone', field: 'zone_id' },
    { kind: 'cluster', field: 'cluster_id' },
  ],
  sections: [
    { title: 'state', fields: ['state', 'maintenance', 'booted_at', 'hypervisor'] },
    { title: 'hardware', fields: ['hardware_model', 'cpu_core_count', 'memory_mib'] },
    { title: 'networking', fields: ['addresses'] },
    { title: 'placement', fields: ['provider_id', 'zone_id', 'cluster_id', 'also_known_as'] },
    { title: 'identity', fields: ['id', 'hardware_uuid', 'tag_ids'] },
  ],
  tabs: [
    {
      id: 'hardware', label: 'hardware',
      Show: sectionsOf('host', [{
        title: 'hardware',
        fields: ['hardware_model', 'cpu_model', 'cpu_socket_count', 'cpu_core_count', 'cpu_thread_count', 'cpu_mhz', 'memory_mib', 'hardware_uuid'],
      }]),
    },
    { id: 'vms', list: { kind: 'vm', params: (host) => ({ host_id: host.id }), hide: ['host_id'] } },
    { id: 'datastores', list: { kind: 'datastore', params: (host) => ({ hosts: host.id }) } },
    { id: 'networks', list: { kind: 'network', params: (host) => ({ hosts: host.id }) } },
    { id: 'relations', label: 'relations', Show: relationsOf('host') },
  ],
};

export const resource_pool: Noun<'resource_pool'> = {
  kind: 'resource_pool',
  columns: [
    { id: 'cluster_id', width: 180 }, { id: 'parent_id', width: 170 }, { id: 'cpu_reservation_mhz', width: 150 }, { id: 'cpu_limit_mhz', width: 120 },
    { id: 'memory_reservation_mib', width: 160 }, { id: 'memory_limit_mib', width: 130 }, { id: 'vapp', width: 90 }, { id: 'provider_id', width: 140 },
  ],
  parents: [{ kind: 'cluster', field: 'cluster_id' }],
  sections: [
    { title: 'capacity', fields: ['cpu_reservation_mhz', 'cpu_limit_mhz', 'memory_reservation_mib', 'memory_limit_mib'] },
    { title: 'placement', fields: ['provider_id', 'zone_id', 'cluster_id', 'parent_id', 'vapp', 'tag_ids'] },
  ],
  tabs: [{ id: 'vms', list: { kind: 'vm', params: (pool) => ({ resource_pool_id: pool.id }) } }],
};

export const folder: Noun<'folder'> = {
  kind: 'folder',
  columns: [{ id: 'path', width: 320 }, { id: 'contains', width: 160 }, { id: 'zone_id', width: 170 }, { id: 'provider_id', width: 150 }],
  parents: [{ kind: 'folder', field: 'parent_id' }],
  sections: [{ title: 'general', fields: ['path', 'contains', 'parent_id', 'zone_id', 'provider_id', 'tag_ids'] }],
  tabs: [
    { id: 'vms', list: { kind: 'vm', params: (folder) => ({ folder_id: folder.id }) } },
    { id: 'folders', list: { kind: 'folder', params: (folder) => ({ parent_id: folder.id }) } },
    { id: 'images', list: { kind: 'image', params: (folder) => ({ folder_id: folder.id }) } },
  ],
};

export const tag: Noun<'tag'> = {
  kind: 'tag',
  columns: [{ id: 'category', width: 200 }, { id: 'exclusive', width: 110 }, { id: 'description', width: 320 }, { id: 'provider_id', width: 160 }],
  sections: [{ title: 'general', fields: ['category', 'exclusive', 'description', 'provider_id'] }],
  tabs: [
    { id: 'vms', list: { kind: 'vm', params: (tag) => ({ tag_ids: tag.id }) } },
    { id: 'hosts', list: { kind: 'host', params: (tag) => ({ tag_ids: tag.id }) } },
    { id: 'datastores', list: { kind: 'datastore', params: (tag) => ({ tag_ids: tag.id }) } },
  ],
};
