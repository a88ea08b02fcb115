import { relationsOf } from '@/detail/Relations';
import type { Noun } from './noun';

export const network: Noun<'network'> = {
  kind: 'network',
  state: 'state',
  columns: [
    { id: 'state', width: 120 }, { id: 'technology', width: 190 }, { id: 'vlan_id', width: 90 }, { id: 'switch_name', width: 170 },
    { id: 'cidrs', width: 160 }, { id: 'shared', width: 110 }, { id: 'hosts', width: 180 }, { id: 'provider_id', width: 140 },
  ],
  sections: [
    { title: 'general', fields: ['state', 'technology', 'switch_name', 'shared', 'uplink', 'tag_ids'] },
    { title: 'networking', fields: ['vlan_id', 'vlan_ranges', 'cidrs', 'dhcp_enabled'] },
    { title: 'placement', fields: ['provider_id', 'zone_id', 'hosts'] },
  ],
  tabs: [
    { id: 'vms', list: { kind: 'vm', params: (network) => ({ network_ids: network.id }) } },
    { id: 'nics', list: { kind: 'nic', params: (network) => ({ network_id: network.id }), hide: ['network_id'] } },
    { id: 'relations', label: 'relations', Show: relationsOf('network') },
  ],
};

export const nic: Noun<'nic'> = {
  kind: 'nic',
  columns: [
    { id: 'vm_id', width: 220 }, { id: 'mac_address', width: 170 }, { id: 'ip_addresses', width: 200 }, { id: 'network_id', width: 190 },
    { id: 'connected', width: 110 }, { id: 'model', width: 110 }, { id: 'attachment', width: 120 }, { id: 'provider_id', width: 140 },
  ],
  parents: [{ kind: 'vm', field: 'vm_id' }],
  sections: [
    { title: 'general', fields: ['vm_id', 'connected', 'model', 'attachment'] },
    { title: 'networking', fields: ['mac_address', 'ip_addresses', 'network_id'] },
  ],
};
