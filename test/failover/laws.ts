import assert from 'node:assert/strict';
import { Fault, type FaultCode } from '../../src/completion/fault.ts';
import type * as AttemptOutcomes from '../../src/gateway/attempt-outcome.ts';
import type * as GoOn from '../../src/gateway/go-on.ts';
import { onFailureModes } from '../../src/gateway/go-on.ts';
import { commitLevels } from '../../src/gateway/shown-answer.ts';
import type * as SpliceGuard from '../../src/gateway/splice-guard.ts';

/** What must hold of the decisions behind the matrix, quickly enough to be asked of every mutant of them. */

type Guard = Pick<typeof SpliceGuard, 'SeamReader' | 'canBeContinued'>;

/** What is shown behind `shown` when the next author says `said`, whatever its pieces; undefined: it answers anew. */
function joined({ SeamReader }: Guard, shown: string, pieces: readonly string[]): string | undefined {
  const seam = new SeamReader(shown);
  let text = '';
  for (const piece of pieces) {
    const passed = seam.push(piece);
    if (passed === undefined) return undefined;
    text += passed;
  }
  const rest = seam.finish();
  return rest === undefined ? undefined : text + rest;
}

const long = Array.from({ length: 20 }, (_, line) => `line ${line} of a long text`).join(', ');

/** shown, said, what is shown behind it. */
const seams: readonly (readonly [what: string, shown: string, said: string, behind: string | undefined])[] = [
  ['goes on at once', 'Equal terms for', ' all of them', ' all of them'],
  ['says the last words again', 'Every model is carried', 'is carried on equal terms', ' on equal terms'],
  ['shares a letter by chance', 'The land of the fre', 'edom of choice', 'edom of choice'],
  ['shares seven letters', 'abc defghij', 'defghij klm', 'defghij klm'],
  ['shares eight letters', 'abc defghijk', 'defghijk lmn', ' lmn'],
  ['says the space again that its prefill lacked', 'Every model, ', ' carried on', 'carried on'],
  ['says no space', 'Every model, ', 'carried on', 'carried on'],
  ['says all of a short text again', 'The sky', 'The sky is blue', ' is blue'],
  ['begins with the one letter that was shown', 'a', 'ardvark', 'ardvark'],
  ['says all of a long text again', long, `${long}, and more`, undefined],
  ['begins anew behind a long text', long, `${long.slice(0, 60)} and so on`, undefined],
  ['says 200 letters again', long, `${long.slice(-200)}, and more`, ', and more'],
  ['says two words of its own', 'Every model, carried', ' on.', ' on.'],
  ['says nothing', 'Every model, carried', '', ''],
];

export function seamLaw(guard: Guard): void {
  for (const [what, shown, said, behind] of seams) {
    assert.equal(joined(guard, shown, [said]), behind, what);
    assert.equal(joined(guard, shown, [...said]), behind, `${what}, letter by letter`);
    const half = Math.floor(said.length / 2);
    assert.equal(joined(guard, shown, [said.slice(0, half), said.slice(half)]), behind, `${what}, in halves`);
  }
}

export function proseLaw({ canBeContinued }: Guard): void {
  const prose = [
    'Every model',
    ' a list: [1, 2',
    '# Title\n\n```js\nlet a = 1;\n```\nand',
    '~~~\na\n~~~\n',
    'use `{` here',
  ];
  const others = [
    '',
    ' \n',
    '{"a": 1',
    '\n [1, 2',
    '```json\n{"a"',
    'Look:\n```\na',
    '````\n```\nb',
    '~~~\n```\n',
    'x'.repeat(262_145),
  ];
  for (const text of prose) assert.equal(canBeContinued(text), true, text);
  for (const text of others) assert.equal(canBeContinued(text), false, text.slice(0, 20));
}

export function levelLaw({ wayOn }: Pick<typeof GoOn, 'wayOn'>): void {
  assert.deepEqual(
    commitLevels.map(level => onFailureModes.map(mode => wayOn(level, mode))),
    [
      ['unseen', 'unseen', 'unseen'],
      ['unseen', 'unseen', 'unseen'],
      ['end', 'restart', 'continue'],
      ['end', 'restart', 'end'],
      ['end', 'end', 'end'],
      ['end', 'end', 'end'],
      ['end', 'end', 'end'],
    ],
  );
}

const context = { stream: true, inputTokens: 10, outputTokens: 5, firstByteMs: 20, durationMs: 60 };

/** By fault and status: what health is told, and for how long the deployment cools. */
const told: readonly (readonly [FaultCode, number | undefined, string, number | undefined])[] = [
  ['upstream_refused', undefined, 'failed', undefined],
  ['upstream_reset', undefined, 'failed', undefined],
  ['upstream_error', 500, 'failed', undefined],
  ['upstream_truncated', 200, 'failed', undefined],
  ['upstream_malformed', 200, 'failed', undefined],
  ['upstream_connect_timeout', undefined, 'slow', undefined],
  ['upstream_first_byte_timeout', undefined, 'slow', undefined],
  ['upstream_idle_timeout', 200, 'slow', undefined],
  ['upstream_overloaded', 503, 'overloaded', 2_500],
  ['upstream_overloaded', 200, 'overloaded', undefined],
  ['upstream_rate_limited', 429, 'overloaded', 2_500],
  ['upstream_credential', 401, 'credential', undefined],
  ['content_filtered', 400, 'answered', undefined],
  ['client_aborted', 200, 'none', undefined],
];

export function healthLaw({ outcomeOf }: Pick<typeof AttemptOutcomes, 'outcomeOf'>): void {
  for (const [code, status, kind, coolMs] of told) {
    const fault = new Fault(code, undefined, { retryAfterMs: 2_500 });
    // The cast is true: nothing else of a result is looked at.
    const outcome = outcomeOf({ fault, status } as Parameters<typeof outcomeOf>[0], context);
    assert.equal(outcome.kind, kind, code);
    if ('coolMs' in outcome) assert.equal(outcome.coolMs, coolMs, `${code} ${status}`);
  }
}
