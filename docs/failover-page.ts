import { cellText, faultNames, faults, levelMeanings, levels } from '../test/failover/table.ts';

/** docs/reference/failover.md: the table that the chaos matrix holds the gateway to. */
export function failoverPage(): string {
  return [
    '# What follows a failure',
    '',
    'Generated from `test/failover/table.ts`; every cell is tried between all dialects by `test/failover/` (a part of it by',
    '`npm test`, all of it by the long suite). [guides/failover.md](../guides/failover.md) explains the words.',
    '',
    'What the client has of the answer when the fault strikes:',
    '',
    '| level | |',
    '|---|---|',
    ...levels.map(level => `| ${level} | ${levelMeanings[level]} |`),
    '',
    'What follows while another candidate is healthy. Three words stand for `x-carrier-on-failure: error · restart ·',
    'continue`, one word for all of them; – cannot happen.',
    '',
    `| fault | ${levels.join(' | ')} | health |`,
    `|---|${levels.map(() => '---|').join('')}---|`,
    ...faultNames.map(
      fault => `| ${faults[fault].what} | ${levels.map(level => cellText(fault, level)).join(' | ')} | ${faults[fault].health} |`,
    ),
    '',
    '- answered: the answer of the next candidate; nothing in it shows that another was asked first.',
    '- restarted: an announcement, then the whole answer of the next candidate.',
    '- continued: an announcement, then the rest of the text by the next candidate.',
    '- error: what has come, then one error event. With tool calls it lists the complete ones.',
    '- passed: what the provider sent, to its end. Events carry no numbers by which one that is sent twice could be told from',
    '  one that says the same again; and within a dialect bytes pass as they are, unless a restart or a continuation was asked for.',
    '- impossible: the request is refused with `on_failure_impossible` before anything is sent.',
    '- health: what the deployment that fails is remembered for ([routing](../guides/routing.md)); what passes is an answer.',
    '- across: where client and provider speak different dialects. A client of Gemini is then shown nothing before the first',
    '  content, and a tool call only once it is whole: what breaks inside the first call is answered, as at C0.',
    '',
    'A whole answer (`stream: false`) is at C0 until all of it has come, up to 64 KiB, or to its end where a restart or a',
    'continuation was asked for: every fault of the table that it can show is answered.',
    '',
    'In every cell: one terminal event, at most three attempts, each of them metered; what failed attempts cost is booked and never',
    'charged, the answer is charged once, and never above its hold.',
    '',
  ].join('\n');
}
