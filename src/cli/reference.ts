import type { Command } from 'commander';
import { z } from 'zod';
import { type FaultCode, faults } from '../completion/fault.ts';
import { type SettingRow, settingsNotAvailable, settingTable } from '../config/setting-table.ts';
import { describeType } from '../config/settings.ts';
import { declarationSchema, keysNotAvailable } from '../control/declaration.ts';
import { exitCodes } from './outcome.ts';
import { createProgram } from './program.ts';

/** The generated pages of docs/reference/, by file name: made from the tables and the command tree that the program itself
 *  uses, so that they cannot say anything else. A test compares them with the files. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ['faults.md', faultsPage()],
    ['configuration.md', configurationPage()],
    ['cli.md', cliPage()],
  ]);
}

const generated = '<!-- Made by `npm run docs`; edits here are lost. -->';

function faultsPage(): string {
  const rows = (Object.keys(faults) as FaultCode[]).map(code => {
    const { status, class: faultClass, meaning, recovery, failover } = faults[code];
    return [`\`${code}\``, String(status), faultClass, meaning, recovery, failover ? 'yes' : ''];
  });
  return page(
    'Faults',
    'Every error has a stable code in the header `x-carrier-fault`; the body has the form and the words of the client’s own ' +
      'dialect, which may override the status (see the guides of each dialect). *Failover*: another candidate is tried while ' +
      'nothing has been sent to the client.',
    table(['code', 'status', 'class', 'meaning', 'what to do', 'failover'], rows),
  );
}

function configurationPage(): string {
  const settings = Object.values<SettingRow>(settingTable).map(row => [
    row.key === null ? '' : `\`${row.key}\``,
    `\`${row.environment}\``,
    row.flag === null ? '' : `\`${row.flag}\``,
    row.secret ? 'secret' : describeType(row.value),
    row.standardText ?? (row.standard === undefined ? '' : `\`${row.standard}\``),
    row.consequence,
  ]);
  const notBuilt = [...[...settingsNotAvailable].map(([key, why]) => [`process.${key}`, why]), ...keysNotAvailable];
  return page(
    'Configuration',
    'Flags override environment variables, those override the `process:` part of the file named with `--config`. An unknown ' +
      'setting is an error; all errors are reported at once.',
    '## Settings of the process',
    table(['key in `process:`', 'environment', 'flag', 'type', 'default', 'consequence'], settings),
    'Secrets come from the environment only. `NODE_EXTRA_CA_CERTS` names a PEM file of private certificate authorities for ' +
      'calls to providers and by the command line; `PGSSLROOTCERT` one for the database.',
    '## The declarative file',
    'Applied with `carrier apply -f`, or at start with `--config`. `<name>` stands for a name of yours, `[]` for each item of ' +
      'a list. Order means nothing but in `dialects`. `prices.buy`, what providers are owed, is like `prices.sell`, what ' +
      'customers pay; rates are decimal strings, currency per million units, or `{ amount: "2.49", per: 3600 }` where they are ' +
      'for another number of units (with `minimum`, the fewest units that one use is charged for). Meters that usage events tell may depend on the sum of a ' +
      'calendar month: `free` units, then `graduated` or `volume: [ { above: 1000, amount: "2.10" } ]`. `<name>` there is a ' +
      'deployment, a `vendor/name` or `vendor/*`, the first of these that is named. The guide of prices has examples.',
    table(['key', 'type', 'default', 'meaning'], declarationRows()),
    '## Known, not built yet',
    'These keys are refused with `setting_not_available`, never ignored.',
    table(
      ['key', 'why'],
      notBuilt.map(([key, why]) => [`\`${key!.replaceAll('*', '<name>')}\``, why!]),
    ),
  );
}

function cliPage(): string {
  const nowhere = { write: () => {}, isTerminal: false };
  const program = createProgram({
    environment: {},
    out: nowhere,
    err: nowhere,
    send: () => Promise.reject(new Error('the reference calls no server')),
    readText: () => '',
    writeText: () => {},
  });
  const sections = leaves(program, []).map(({ words, command }) => {
    const options = command.options
      .filter(option => !option.hidden)
      .map(option => {
        const standard =
          option.defaultValue === undefined || option.defaultValue === false ? '' : `\`${option.defaultValue}\``;
        const choices = option.argChoices === undefined ? '' : ` (${option.argChoices.join(', ')})`;
        return [
          `\`${option.flags}\``,
          `${option.description}${choices}${option.mandatory ? '; required' : ''}`,
          standard,
        ];
      });
    const usage = [
      ...words,
      ...command.registeredArguments.map(argument =>
        argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
      ),
    ];
    return [
      `## \`carrier ${usage.join(' ')}\``,
      `${command.description()}.`,
      ...(options.length === 0 ? [] : [table(['option', 'meaning', 'default'], options)]),
    ].join('\n\n');
  });
  return page(
    'Command line',
    '`carrier <command>` when installed, `npm run -s carrier -- <command>` in a checkout. Commands talk to `CARRIER_URL`, by ' +
      'default the server that runs on the data directory `CARRIER_DATA`, else where `CARRIER_HOST` and `CARRIER_PORT` place one: as who `CARRIER_TOKEN` or ' +
      '`CARRIER_ADMIN_KEY` is, else who is logged in there (`carrier login`), else with `admin.key` of `CARRIER_DATA` (`./.carrier`).',
    table(
      ['exit code', 'meaning'],
      Object.entries(exitCodes).map(([name, code]) => [String(code), exitMeanings[name as keyof typeof exitCodes]]),
    ),
    ...sections,
  );
}

const exitMeanings = {
  done: 'done',
  failedCheck: 'a check failed',
  usage: 'wrong usage',
  unreachable: 'the server cannot be reached',
  refused: 'refused',
} as const satisfies Record<keyof typeof exitCodes, string>;

function leaves(command: Command, words: readonly string[]): { words: readonly string[]; command: Command }[] {
  return command.commands.flatMap(child => {
    const path = [...words, child.name()];
    return child.commands.length > 0 ? leaves(child, path) : [{ words: path, command: child }];
  });
}

interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly required?: readonly string[];
}

function declarationRows(): string[][] {
  // True: zod writes JSON Schema, of which the fields above are read.
  const schema = z.toJSONSchema(declarationSchema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  // Both books are alike; one is enough to read.
  return rowsOf(schema, '', true).filter(([path]) => !path!.startsWith('`prices.buy.'));
}

function rowsOf(schema: JsonSchema, path: string, isRequired: boolean): string[][] {
  const inner = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
  if (/\.(serviceTiers|modes|regions)\..*\.tiers$/.test(path))
    return [[`\`${path}[]\``, 'list', '', 'As tiers above.']];
  const isRow = /\.rates$/.test(path) && path !== 'prices.sell.rates';
  if (isRow && (schema.properties?.['input'] ?? inner?.properties?.['input']) !== undefined) {
    const like = schema.properties === undefined ? '`prices.sell.rates`' : 'rates above, without what they depend on';
    return [[`\`${path}\``, 'map', '', [schema.description, `As ${like}.`].filter(Boolean).join(' ')]];
  }
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties).flatMap(([key, property]) =>
      rowsOf(property, path === '' ? key : `${path}.${key}`, schema.required?.includes(key) ?? false),
    );
  }
  if (inner !== undefined) return rowsOf(inner, `${path}.<name>`, false);
  if (schema.items?.properties !== undefined) return rowsOf(schema.items, `${path}[]`, isRequired);
  const standard =
    schema.default === undefined ? (isRequired ? 'required' : '') : `\`${JSON.stringify(schema.default)}\``;
  return [[`\`${path}\``, typeOf(schema), standard, schema.description ?? '']];
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.join(', ');
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.type === 'integer') return `whole number, ${schema.minimum} to ${schema.maximum}`;
  if (schema.type === 'array') return `list of ${schema.items === undefined ? 'anything' : typeOf(schema.items)}`;
  return schema.type === 'string' ? 'text' : (schema.type ?? 'map');
}

function page(title: string, ...blocks: readonly string[]): string {
  return `${[`# ${title}`, generated, ...blocks].join('\n\n')}\n`;
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n');
}
