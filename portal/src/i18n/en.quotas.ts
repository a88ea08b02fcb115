// How much a tenant or a project may hold.
import type { QuotaResource } from '@/access/quota';

const resources = {
  vms: 'VMs',
  vms_running: 'Running VMs',
  vcpus: 'vCPUs',
  memory_mib: 'Memory',
  volumes: 'Volumes',
  volume_gib: 'Size of volumes',
  snapshots: 'Snapshots',
} as const satisfies Record<QuotaResource, string>;

export const quotas = {
  title: 'Quotas',
  lead: {
    tenant: 'What its projects, and those of the tenants below it, hold together. The limits of the tenants above it hold as well.',
    project: 'What the project holds. The limits of its tenant, and of the tenants above, hold as well.',
  },
  platform: 'What all projects hold together. The platform has no limits: these are of tenants and projects.',
  own: 'The limits of your own tenant are set by who may do that in the tenant above it.',
  resource: 'What',
  used: 'Used',
  usedOf: '{{used}} of {{limit}}',
  reserved: '{{amount}} of it is promised to what is under way',
  hard: 'Limit',
  soft: 'Warns from',
  remaining: 'Can still be had',
  above: 'as the tenants above allow',
  given: 'Given out below',
  givenLeft: '{{amount}} can still be given out',
  givenOver: '{{amount}} more than its own limit, which holds all the same',
  noLimit: 'No limit',
  states: { ok: 'Within', warning: 'Much is used', full: 'Nothing is left', over: 'Over the limit' },
  resources,
  edit: 'Edit limits',
  editTitle: 'Limits of “{{name}}”',
  editLead: 'Nothing is taken away by a lower limit: nothing more can be had then. A limit above that of a tenant above is kept, and the tighter one holds.',
  ofResource: '{{resource}}: {{limit}}',
  inGib: '{{label}} (GiB)',
  emptyIsNone: 'Empty: no limit',
  emptyIsNoWarning: 'Empty: no warning',
  saved: 'The limits of “{{name}}” are set',
  faults: {
    number: 'A whole number from 0 on, or nothing.',
    gib: 'A size in GiB from 0 on, or nothing.',
    most: 'From 0 to {{most}}.',
    softAbove: 'The warning must not come after the limit.',
  },
} as const;
