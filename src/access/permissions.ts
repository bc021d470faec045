/** Who may do what: the one written table. A right is held where its role was granted: an operator's everywhere, an owner's
 *  in one organisation or some of its projects. docs/reference/permissions.md is generated from this. */

export const roles = ['operator', 'owner', 'billing', 'developer', 'auditor', 'provider'] as const;
export type Role = (typeof roles)[number];

/** What a role is for, and where it can be granted. */
export const roleTable = {
  operator: { at: ['installation'], meaning: 'Runs the installation: everything, in every organisation.' },
  owner: { at: ['organisation'], meaning: 'Runs one organisation: its people, projects, keys, limits and budgets.' },
  billing: { at: ['organisation'], meaning: 'Sees what an organisation uses, owes and has; sets its budgets.' },
  developer: { at: ['organisation'], meaning: 'Makes and revokes keys, and sees usage and exchanges.' },
  auditor: { at: ['installation', 'organisation'], meaning: 'Sees everything there is to see, changes nothing.' },
  provider: {
    at: ['provider'],
    meaning: 'Sees the traffic of its own provider accounts, without customers or prices.',
  },
} as const satisfies Record<Role, { readonly at: readonly GrantPlace[]; readonly meaning: string }>;

export type GrantPlace = 'installation' | 'organisation' | 'provider';

interface PermissionRow {
  readonly roles: readonly Role[];
  readonly meaning: string;
}

/** `<resource>.<verb>`. A row without `operator` does not occur: the operator runs the installation. */
export const permissionTable = {
  'configuration.read': row('operator auditor', 'Export the configuration.'),
  'configuration.write': row('operator', 'Apply a declarative file.'),
  'organisations.read': row('operator owner billing developer auditor', 'See organisations.'),
  'organisations.create': row('operator', 'Create and remove organisations.'),
  'organisations.write': row('operator owner', 'Change what an organisation may change of itself.'),
  'projects.read': row('operator owner billing developer auditor', 'See projects.'),
  'projects.write': row('operator owner', 'Create, change and remove projects.'),
  'keys.read': row('operator owner billing developer auditor', 'List keys, without their secrets.'),
  'keys.create': row('operator owner developer', 'Create keys.'),
  'keys.write': row('operator owner developer', 'Change what a key may do.'),
  'keys.rotate': row('operator owner developer', 'Replace a key by a new one.'),
  'keys.revoke': row('operator owner developer', 'Revoke keys.'),
  'members.read': row('operator owner auditor', 'See who has which role, and open invitations.'),
  'members.write': row('operator owner', 'Invite people, grant and take away roles.'),
  'users.read': row('operator auditor', 'See every user of the installation.'),
  'users.write': row('operator', 'Disable users and end their sessions.'),
  'service-accounts.read': row(
    'operator owner developer auditor',
    'See service accounts and their tokens, without secrets.',
  ),
  'service-accounts.write': row('operator owner', 'Create service accounts, their tokens and their roles.'),
  'limits.read': row('operator owner billing developer auditor', 'See limits and how far they are used.'),
  'limits.write': row('operator owner', 'Set limits.'),
  'budgets.read': row('operator owner billing developer auditor', 'See budgets and where they stand.'),
  'budgets.write': row('operator owner billing', 'Set budgets.'),
  'models.read': row('operator owner billing developer auditor', 'See which models there are.'),
  'deployments.read': row('operator auditor', 'See deployments with both prices.'),
  'deployments.write': row('operator', 'Create, change and remove deployments.'),
  'providers.read': row('operator auditor', 'See provider accounts, without their credentials.'),
  'providers.write': row('operator', 'Create, change and remove provider accounts.'),
  'routes.read': row('operator auditor', 'See routes, and simulate changes of them.'),
  'routes.write': row('operator', 'Create, change and remove routes.'),
  'prices.read': row('operator auditor', 'See the price books, both sides, and price facts.'),
  'prices.write': row('operator', 'Publish prices and review facts.'),
  'wallets.read': row('operator owner billing auditor', 'See wallets, grants and statements.'),
  'wallets.write': row('operator', 'Grant, take back and refund.'),
  'usage.read': row('operator owner billing developer auditor', 'See usage, spend and usage events.'),
  'usage.write': row('operator', 'Tell usage that is no exchange, and later figures of costs.'),
  'margins.read': row('operator auditor', 'See costs and margins.'),
  'exchanges.read': row('operator owner developer auditor', 'See single exchanges and why they went where they went.'),
  'decisions.read': row('operator auditor', 'Read decision records and the anchors of their seeds.'),
  'performance.read': row('operator auditor provider', 'See health and traffic of provider accounts.'),
  'ledger.read': row('operator auditor', 'Read accounts, balances, transfers and quarantine.'),
  'ledger.write': row('operator', 'Book transfers, rate again, settle what is in quarantine.'),
  'alerts.read': row('operator auditor', 'See what an operator should look at.'),
  'audit.read': row('operator owner auditor', 'Read the audit log.'),
  'webhooks.read': row('operator owner auditor', 'See webhooks, without their secrets.'),
  'webhooks.write': row('operator owner', 'Create, change and remove webhooks.'),
  'secrets.rotate': row('operator', 'Replace the keys that stored secrets are sealed under, and the master key.'),
  'jobs.read': row('operator auditor', 'See what the installation does by itself.'),
  'jobs.run': row('operator', 'Make a job due now.'),
  'health.read': row('operator auditor', 'See how a replica is.'),
} as const satisfies Record<string, PermissionRow>;

export type Permission = keyof typeof permissionTable;
export const permissions = Object.keys(permissionTable) as readonly Permission[];

export function roleHas(role: Role, permission: Permission): boolean {
  return (permissionTable[permission].roles as readonly Role[]).includes(role);
}

function row(roleWords: string, meaning: string): PermissionRow {
  const named = roleWords.split(' ');
  return { roles: roles.filter(role => named.includes(role)), meaning };
}
