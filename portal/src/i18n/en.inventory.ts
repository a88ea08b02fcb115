export const inventory = {
  title: 'Inventory',
  noneSeen: 'There is no platform that you may see',
  by: 'Order by',
  views: { hosts: 'Hosts', folders: 'Folders', networks: 'Networks', datastores: 'Datastores' },
  tree: 'Inventory by {{view}}',
  chosen: 'What is chosen',
  nothingChosen: 'Nothing is chosen',
  nothingChosenHint: 'Choose something in the tree to see it here; it follows what changes.',
  goneTitle: 'It is gone',
  empty: 'Nothing in it',
  vms_one: '{{shown}} VM',
  vms_other: '{{shown}} VMs',
} as const;

export const topology = {
  relationsHint: 'What it runs on, stores on and is connected to. Choose one to go there.',
  diagram: 'Relations of {{name}}',
  noSnapshots: 'There are no snapshots',
  noSnapshotsHint: 'Snapshots that are made on the platform appear here by themselves.',
  youAreHere: 'The VM is here',
  withMemory: 'with memory',
  quiesced: 'quiesced',
  more_one: '{{count, number}} more',
  more_other: '{{count, number}} more',
} as const;

export const changes = {
  lead: 'What changed, the newest first. It is kept for 30 days, at most 200 changes. Used space and the platform’s own detail are left out.',
  when: 'When',
  what: 'What changed',
  created: 'Seen for the first time',
  deleted: 'Gone from its platform',
  unknown: 'It changed; in what is not known',
  omitted: 'Changed; the values are too long to be kept',
  came: 'added',
  went: 'removed',
  to: 'to',
  older: 'Show older ones',
} as const;
