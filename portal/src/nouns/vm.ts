import { VmParts } from '@/detail/Parts';
import { relationsOf } from '@/detail/Relations';
import { SnapshotTree } from '@/detail/SnapshotTree';
import { sectionsOf } from '@/detail/Summary';
import { VmOwner } from '@/ownership/VmOwner';
import type { Noun } from './noun';

export const vm: Noun<'vm'> = {
  kind: 'vm',
  state: 'power_state',
  columns: [
    { id: 'power_state', width: 130 },
    { id: 'vcpu_count', width: 110 },
    { id: 'memory_mib', width: 140 },
    { id: 'storage_used_bytes', width: 130 },
    { id: 'ip_addresses', width: 170 },
    { id: 'host_id', width: 190 },
    { id: 'guest_os', width: 200 },
    { id: 'provider_id', width: 140 },
    { id: 'changed_at', width: 130 },
  ],
  parents: [
    { kind: 'cluster', field: 'cluster_id' },
    { kind: 'host', field: 'host_id' },
  ],
  sections: [
    { title: 'state', fields: ['power_state', 'power_reason', 'condition', 'question', 'booted_at', 'autostart', 'persistent'] },
    { title: 'hardware', fields: ['vcpu_count', 'memory_mib', 'volume_count', 'nic_count', 'snapshot_count'] },
    { title: 'storage', fields: ['storage_provisioned_bytes', 'storage_used_bytes', 'datastore_ids', 'storage_policy_id'] },
    { title: 'guest', fields: ['guest_os', 'guest_hostname', 'guest_agent'] },
    { title: 'networking', fields: ['ip_addresses', 'mac_addresses', 'network_ids'] },
    { title: 'placement', fields: ['provider_id', 'zone_id', 'cluster_id', 'host_id', 'resource_pool_id', 'folder_path'] },
    { title: 'owner', fields: ['project_id', 'tenant_id'] },
    { title: 'identity', fields: ['id', 'uuid', 'bios_uuid', 'description', 'tag_ids', 'created_at'] },
  ],
  tabs: [
    {
      id: 'hardware', label: 'hardware',
      Show: sectionsOf('vm', [{ title: 'hardware', fields: ['vcpu_count', 'cores_per_socket', 'memory_mib', 'memory_max_mib', 'firmware', 'bios_uuid'] }], VmParts),
    },
    { id: 'volumes', list: { kind: 'volume', params: (vm) => ({ vm_id: vm.id }), hide: ['vm_id'] }, count: (vm) => vm.volume_count },
    { id: 'nics', list: { kind: 'nic', params: (vm) => ({ vm_id: vm.id }), hide: ['vm_id'] }, count: (vm) => vm.nic_count },
    { id: 'snapshots', label: 'snapshots', Show: SnapshotTree, count: (vm) => vm.snapshot_count },
    { id: 'owner', label: 'owner', Show: VmOwner },
    { id: 'relations', label: 'relations', Show: relationsOf('vm') },
  ],
};
