import { type Command, Option } from 'commander';
import type { AuditAnswer, Page } from './answers.ts';
import type { KeyCommandParts } from './key-commands.ts';
import { CommandFailure, exitCodes } from './outcome.ts';

/** `carrier audit`: who changed what, newest first. */
export function addAudit(
  program: Command,
  {
    surroundings,
    server,
    leaf,
    print,
    table,
  }: Pick<KeyCommandParts, 'surroundings' | 'server' | 'leaf' | 'print' | 'table'>,
): void {
  const { out, err } = surroundings;
  leaf(program, 'audit', 'Who changed what, when and from where, newest first')
    .option('--from <instant>', 'first instant, such as 2026-09-01')
    .option('--to <instant>', 'first instant after; now unless said')
    .option('--actor <actor>', 'admin-key, user:<id>, service-account:<id> or system:<what>')
    .option('--organisation <name>', 'of one organisation')
    .option('--action <action>', 'such as keys.rotate, or all of a resource: keys')
    .option('--target <target>', 'such as route:smart')
    .addOption(new Option('--outcome <outcome>', 'how it went').choices(['done', 'asked', 'refused']))
    .option('--limit <number>', 'how many', '50')
    .option('--csv', 'all of them as CSV (RFC 4180) on standard output, as they come', false)
    .option('--ndjson', 'all of them, one JSON document a line, as they come', false)
    .action(async options => {
      const { json, csv, ndjson, limit, ...filter } = options;
      if ([json, csv, ndjson].filter(Boolean).length > 1) {
        throw new CommandFailure(exitCodes.usage, 'usage', '--json, --csv and --ndjson do not go together.');
      }
      if (csv || ndjson) {
        const path = `/api/v1/audit.${csv ? 'csv' : 'ndjson'}`;
        for await (const text of server().stream(path, filter)) out.write(text);
        return;
      }
      const page = (await server().get('/api/v1/audit', { ...filter, limit })) as Page<AuditAnswer>;
      print(options, page, () => showAudit(page.items, table));
      if (!json && page.next !== undefined) err.write('There are more; --limit shows them, --csv writes all.\n');
    });
}

function showAudit(items: readonly AuditAnswer[], table: KeyCommandParts['table']): string {
  return table(
    items,
    [
      { title: 'at', cell: event => event.at },
      { title: 'who', cell: event => event.actor },
      { title: 'did', cell: event => (event.outcome === 'done' ? event.action : `${event.action} (${event.outcome})`) },
      { title: 'to', cell: targetOf },
      { title: 'what', cell: event => changedFields(event) },
      { title: 'from', cell: event => event.address ?? '' },
    ],
    'No events.',
  );
}

/** Keys are known by their names. */
function targetOf({ target, before, after }: AuditAnswer): string {
  const key = isObject(after) ? after : before;
  if (!target.startsWith('key:') || !isObject(key)) return target;
  return `${target} ${String(key['project'])}/${String(key['name'])}`;
}

/** What is another than it was, by name; values are in --json. */
function changedFields({ before, after }: AuditAnswer): string {
  if (!isObject(after)) return '';
  if (!isObject(before)) return typeof after['fault'] === 'string' ? after['fault'] : '';
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names]
    .filter(name => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .sort()
    .join(', ');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
