import { permissions, permissionTable, roles, roleTable } from './permissions.ts';

/** docs/reference/permissions.md, made from the table that the server itself asks. */
export function permissionsPage(): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
    [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
  return `${[
    '# Permissions',
    '<!-- Made by `npm run docs`; edits here are lost. -->',
    'Which role may what. A role is granted in the installation, in one organisation (or in some of its projects only), or for ' +
      'provider accounts; a permission holds where its role was granted. What lies in an organisation that somebody has no role ' +
      'in is answered as what does not exist. Guide: [access](../guides/access.md).',
    '## Roles',
    table(
      ['role', 'granted in', 'what it is for'],
      roles.map(role => [`\`${role}\``, roleTable[role].at.join(', '), roleTable[role].meaning]),
    ),
    '## Permissions',
    'A role narrowed to projects has only what is about these projects. What is of the installation (prices, the ledger, ' +
      'routes, jobs) takes the role in the installation, whatever the table says of the role elsewhere.',
    table(
      ['permission', ...roles, 'what it allows'],
      permissions.map(permission => {
        const { roles: holders, meaning } = permissionTable[permission];
        return [`\`${permission}\``, ...roles.map(role => (holders.includes(role) ? 'yes' : '')), meaning];
      }),
    ),
  ].join('\n\n')}\n`;
}
