import type { Noun } from './noun';

export const image: Noun<'image'> = {
  kind: 'image',
  columns: [
    { id: 'format', width: 110 }, { id: 'size_bytes', width: 110 }, { id: 'disk_bytes', width: 110 }, { id: 'guest_os', width: 200 },
    { id: 'datastore_id', width: 180 }, { id: 'library_id', width: 160 }, { id: 'provider_id', width: 140 }, { id: 'created_at', width: 130 },
  ],
  sections: [
    { title: 'general', fields: ['format', 'description', 'size_bytes', 'disk_bytes', 'created_at', 'tag_ids'] },
    { title: 'hardware', fields: ['guest_os', 'vcpu_count', 'memory_mib'] },
    { title: 'placement', fields: ['provider_id', 'zone_id', 'folder_id', 'library_id', 'datastore_id', 'location'] },
  ],
};

export const snapshot: Noun<'snapshot'> = {
  kind: 'snapshot',
  columns: [
    { id: 'vm_id', width: 220 }, { id: 'created_at', width: 140 }, { id: 'current', width: 100 }, { id: 'memory', width: 120 },
    { id: 'quiesced', width: 100 }, { id: 'vm_state', width: 120 }, { id: 'description', width: 240 }, { id: 'provider_id', width: 140 },
  ],
  parents: [{ kind: 'vm', field: 'vm_id' }],
  sections: [
    { title: 'general', fields: ['vm_id', 'parent_id', 'current', 'description', 'created_at'] },
    { title: 'state', fields: ['vm_state', 'memory', 'quiesced'] },
  ],
};
