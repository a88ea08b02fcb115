// The account, about, saved views, commands.
export const account = {
  title: 'My account',
  lead: 'Signed in as {{username}} ({{role}}).',
  sessionEnds: 'This session ends {{time}}.',
  roles: { platform_admin: 'Platform administrator' },
  password: {
    title: 'Password',
    lead: 'When it is changed, all your other sessions end.',
    current: 'Present password',
    new: 'New password',
    newHint: 'At least 12 characters, without your user name.',
    again: 'New password again',
    mismatch: 'The two are not the same.',
    act: 'Change password',
    done: 'The password is changed',
  },
  tokens: {
    title: 'Tokens',
    lead: 'For programs and the command line. A token may do what you may; it is shown once.',
    add: 'Create token',
    name: 'Name',
    nameHint: 'What it is for, such as “backup job”.',
    days: 'Valid for, days',
    daysHint: 'From 1 to 3650.',
    created: 'Created',
    expires: 'Ends',
    never: 'Never',
    lastUsed: 'Last used',
    unused: 'Not yet',
    empty: 'You have no tokens.',
    shownTitle: 'Your new token',
    shownHint: 'Copy it now: it is never shown again.',
    shownUse: 'Programs send it as the header “Authorization: Bearer …”.',
    close: 'I have copied it',
    revoke: 'Revoke',
    revokeOne: 'Revoke “{{name}}”',
    revokeTitle: 'Revoke “{{name}}”?',
    revokeWhat: 'Whatever uses this token is refused at once. This cannot be undone.',
    revoked: '“{{name}}” is revoked',
  },
  preferences: { title: 'Language and theme', lead: 'Kept in this browser.' },
} as const;

export const about = {
  title: 'About Spandrel',
  lead: 'An open gateway that joins VMware and KVM into one cloud.',
  version: 'Version',
  license: 'Licence',
  licenseText: 'Apache License 2.0',
  api: 'Interface',
  packages: 'Packages of the portal',
  packagesLead_one: '{{count, number}} open-source package is part of this portal.',
  packagesLead_other: '{{count, number}} open-source packages are part of this portal.',
  texts: 'The texts of their licences',
  crates: 'Crates of the gateway',
  cratesLead_one: '{{count, number}} open-source crate is linked into the gateway.',
  cratesLead_other: '{{count, number}} open-source crates are linked into the gateway, by their licences.',
} as const;

export const views = {
  menu: 'Views',
  standard: 'Standard view',
  save: 'Save this view…',
  saveTitle: 'Save this view',
  saveLead: 'Search, filters, order and columns, kept in this browser under a name.',
  name: 'Name',
  replaces: 'There is a view of this name: it is replaced.',
  saved: 'The view “{{name}}” is saved',
  copyLink: 'Copy link to this view',
  linkCopied: 'The link is copied',
  manage: 'Manage views…',
  manageTitle: 'Saved views',
  delete: 'Delete the view “{{name}}”',
  none: 'No views are saved yet.',
} as const;

export const commands = {
  addProvider: 'Add a provider',
  resync: 'Read “{{name}}” anew',
  theme: 'Theme: {{theme}}',
  language: 'Language: {{language}}',
} as const;

/** What a reader of screens says before an alert. */
export const alerts = {
  danger: 'Danger:',
  warning: 'Warning:',
  info: 'Information:',
  success: 'Success:',
  errorStatus: 'error',
  warningStatus: 'warning',
} as const;
