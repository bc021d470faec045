import { type LossCode, lossCodes } from '../src/completion/loss-codes.ts';
import { type DialectCase, readDialectCases } from './dialect-cases.ts';
import { squareSections } from './dialect-square-tables.ts';
import { table } from './markdown-table.ts';

/** docs/reference/dialects.md: what is carried between dialects, made from the square and the cases that the tests run. */
export function dialectsPage(cases: readonly DialectCase[] = readDialectCases()): string {
  const features = [...new Set(cases.map(({ feature }) => feature))].sort();
  const used = new Set(cases.flatMap(({ losses }) => losses.map(codeOf)));
  return `${[
    '# Dialects',
    '<!-- Made by `npm run docs`; edits here are lost. -->',
    'A client and a provider of one dialect exchange their own bytes; nothing here applies to them. Between two dialects ' +
      'every feature is *carried*, *lost* and declared, or *refused* by its name. What a request loses stands in the header ' +
      '`x-carrier-loss` of its answer as `code;path`; with `x-carrier-strict: 1` the first loss of a request refuses it with ' +
      '`loss_refused` before anything is sent. What an answer loses is known only when it has come, so it refuses nothing: ' +
      'it stands with the request’s losses in `GET /api/v1/exchanges/{id}`.',
    'Where the client’s dialect has no word that says as much as the provider’s, `native_finish_reason` has the provider’s own: ' +
      'beside `finish_reason` in a choice, beside `stop_reason` in a message and in `message_delta`. A stop sequence that matched ' +
      'is `stop_reason` in a choice. A reason that nobody knows ends as `stop` or `end_turn`, so marked and declared.',
    ...squareSections(),
    '## Cases',
    `What single models, hosts and odd values make of it: ${cases.length} folders of files that the tests run.`,
    ...features.map(feature =>
      [
        `### ${feature.replaceAll('-', ' ')}`,
        table(
          ['case', 'from → to', 'outcome', 'what happens'],
          cases
            .filter(one => one.feature === feature)
            .map(one => [link(one, one.name.split('/')[1]!), pairOf(one), outcomeOf(one), one.title]),
        ),
      ].join('\n\n'),
    ),
    '## Losses',
    'Every code, and what is done instead. Cases show those marked.',
    table(
      ['code', 'what becomes of it', 'shown'],
      (Object.keys(lossCodes) as LossCode[])
        .sort()
        .map(code => [`\`${code}\``, lossCodes[code], used.has(code) ? 'yes' : '']),
    ),
  ].join('\n\n')}\n`;
}

function pairOf({ client, provider }: DialectCase): string {
  return `${client} → ${provider}`;
}

function codeOf(loss: string): string {
  return loss.split(';')[0]!;
}

function outcomeOf({ outcome, losses, fault }: DialectCase): string {
  if (outcome === 'refused') return `refused (\`${fault?.code}\`)`;
  if (outcome === 'carried') return 'carried';
  return `lost (${[...new Set(losses.map(codeOf))].map(code => `\`${code}\``).join(', ')})`;
}

function link({ name }: DialectCase, text: string): string {
  return `[${text}](../../src/dialects/cases/${name}/)`;
}
