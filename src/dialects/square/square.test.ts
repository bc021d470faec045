import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Difference,
  differenceOf,
  type Feature,
  isAnswered,
  isAsked,
  readFeatures,
  type Spelling,
  squareDialects,
} from '../../../docs/dialect-square.ts';
import {
  answerAcross,
  answerContext,
  bound,
  changed,
  declaredLosses,
  dialectOf,
  exchangeId,
  expectedRequest,
  requestedModel,
  sendAcross,
  spelledAnswer,
  spelledRequest,
  spelledStream,
  streamAcross,
  toldAnswer,
  toldStream,
  unframed,
  withNative,
} from '../../../test/support/square.ts';
import { Fault } from '../../completion/fault.ts';
import { foldEvents } from '../../completion/fold.ts';
import { LossLedger } from '../../completion/loss.ts';
import type { DialectName } from '../../completion/request.ts';
import type { Dialect } from '../dialect.ts';
import { dialects } from '../registry.ts';

/** Every feature between all dialects: what a client of one sends, each provider gets in its own spelling, and what the
 *  provider answers the client hears in its own, but for what the feature's file declares. */

const features = readFeatures();

for (const feature of features) {
  for (const name of squareDialects) {
    const client = dialectOf(name);
    if (client === undefined) continue;
    for (const other of squareDialects) {
      const provider = dialectOf(other);
      if (provider === undefined || provider === client) continue;
      if (isAsked(feature, name)) {
        test(`${feature.name}, asked: ${name} → ${other}`, () => checkAsked(feature, client, provider));
      }
      if (isAnswered(feature, name, other)) {
        test(`${feature.name}, answered: ${name} ← ${other}`, () => checkAnswered(feature, client, provider));
      }
    }
    test(`${feature.name}: ${name} to itself is byte for byte`, () => checkDiagonal(feature, client));
  }
}

function checkAsked(feature: Feature, client: Dialect, provider: Dialect): void {
  const spelling = feature.spellings[client.name];
  const theirs = feature.spellings[provider.name];
  const difference = differenceOf(feature.asked, client.name, provider.name);
  const given = spelledRequest(client.name, spelling);
  const { refused } = difference;
  if (refused !== undefined) {
    assert.throws(
      () => sendAcross(client, given, provider, theirs),
      (fault: unknown) => {
        assert.ok(fault instanceof Fault, String((fault as Error).stack));
        assert.deepEqual(
          { code: fault.code, at: fault.parameter },
          { code: refused.code, at: refused.at ?? spelling.at },
        );
        return true;
      },
    );
    return;
  }

  const sent = sendAcross(client, given, provider, theirs);

  const wire: unknown = JSON.parse(sent.body.toString());
  assert.deepEqual(wire, bound(expectedRequest(provider.name, theirs, difference), wire));
  assert.deepEqual(
    sent.losses.map(({ code, path }) => `${code};${path}`).sort(),
    [...declaredLosses(difference, spelling)].sort(),
  );
}

function checkAnswered(feature: Feature, client: Dialect, provider: Dialect): void {
  const seen = feature.spellings[client.name];
  const said = feature.spellings[provider.name];
  const difference = differenceOf(feature.answered, client.name, provider.name);
  if (said.fault !== undefined) checkFault(seen, said, difference, client, provider);
  const answer = said.tells?.answer ?? said.answer;
  if (answer !== undefined && seen.answer !== undefined) {
    const context = answerContext();
    const told = toldAnswer(provider.name, answer);

    const wire = JSON.parse(answerAcross(client, told, provider, context).toString());

    const expected = withNative(changed(spelledAnswer(client.name, seen.answer), difference.answer), said.native);
    assert.deepEqual(wire, bound(expected, wire), 'the whole answer');
    assertLosses(difference, context.losses, 'of the whole answer');
  }
  const stream = said.tells?.stream ?? said.stream;
  if (stream !== undefined && seen.stream !== undefined) {
    const context = answerContext();
    const bytes = toldStream(provider.name, stream, answer);

    const events = unframed(client.name, streamAcross(client, bytes, provider, context));

    const own = Array.isArray(difference.stream) ? difference.stream : seen.stream;
    const whole = { ...seen.answer, ...difference.answer };
    const canonical = spelledStream(client.name, own, whole);
    const told = Array.isArray(difference.stream) ? canonical : changed(canonical, { ...difference.stream });
    const expected = withNative(told, said.native);
    assert.deepEqual(events, bound(expected, events), 'the stream');
    assertLosses(difference, context.losses, 'of the stream');
  }
}

/** Which place of an answer a loss names is its provider's; the codes are declared. */
function assertLosses(difference: Difference, losses: LossLedger, what: string): void {
  const codes = new Set(losses.losses.map(({ code }) => code));
  assert.deepEqual([...codes].sort(), [...difference.losses].sort(), what);
}

function checkFault(seen: Spelling, said: Spelling, difference: Difference, client: Dialect, provider: Dialect): void {
  const { status, headers = {}, body } = said.fault!;
  const fault = provider.decodeFault({ status, headers, body: Buffer.from(JSON.stringify(body)), nowMs: 0 });

  const answer = client.encodeFault(fault, { exchangeId });

  const wire = {
    status: answer.status,
    headers: Object.fromEntries(chunksOfTwo(answer.headers ?? [])),
    body: JSON.parse(answer.body.toString()),
  };
  const own = seen.heard ?? { ...seen.fault!, headers: undefined };
  const heard = changed({ ...own, headers: own.headers ?? {} }, difference.fault);
  assert.deepEqual(wire, bound(heard, wire));
  // The gateway writes it as `retry-after`, for clients of every dialect.
  assert.equal(fault.retryAfterMs, said.retryAfterMs);
}

function chunksOfTwo(names: readonly string[]): [string, string][] {
  return names.flatMap((name, index) => (index % 2 === 0 ? [[name, names[index + 1]!] as [string, string]] : []));
}

/** Nothing is read and written again: the model's name apart, bytes are what they were. And a dialect's whole answers and
 *  streams say the same to clients of others. */
function checkDiagonal(feature: Feature, dialect: Dialect): void {
  const spelling = feature.spellings[dialect.name];
  if (spelling.request !== undefined) {
    const { body, named } = spelledRequest(dialect.name, spelling);
    const scan = dialect.scanRequest(body, named);
    assert.equal(scan.requestedModel, requestedModel);
    const splice = { targetModel: 'other "model"', askUsage: false, outputTokensMax: undefined };
    const spliced = dialect.spliceRequest(body, scan, splice).toString();
    assert.equal(spliced, body.toString().replace(`"${requestedModel}"`, '"other \\"model\\""'));
  }
  const answer = spelling.tells?.answer ?? spelling.answer;
  const stream = spelling.tells?.stream ?? spelling.stream;
  const whole = answer === undefined ? undefined : toldAnswer(dialect.name, answer);
  if (whole !== undefined) assert.equal(dialect.observeAnswer(whole).fault, undefined);
  if (stream === undefined) return;
  const bytes = toldStream(dialect.name, stream, answer);
  const observer = dialect.observeStream({ stripUsage: false });
  const steps = [observer.push(bytes), observer.finish()];
  const passed = steps.flatMap(({ pass, held }) => [pass, held].filter(part => part !== undefined));
  assert.ok(Buffer.concat(passed).equals(bytes), 'the stream passes');
  if (whole === undefined || spelling.told === false) return;
  const { facts } = observer;
  const seen = dialect.observeAnswer(whole);
  assert.deepEqual(
    { finish: facts.finishRaw, usage: facts.usage, served: facts.servedModel, tier: facts.serviceTier },
    { finish: seen.finishRaw, usage: seen.usage, served: seen.servedModel, tier: seen.serviceTier },
    'facts of the stream are those of the whole answer',
  );
  assert.deepEqual(foldOf(dialect, bytes), wholeOf(dialect, whole), 'the folded stream is the whole answer');
}

function foldOf(dialect: Dialect, bytes: Buffer): unknown {
  const decoder = dialect.decodeStream(new LossLedger());
  return comparable(foldEvents([...decoder.push(bytes), ...decoder.finish()]));
}

function wholeOf(dialect: Dialect, bytes: Buffer): unknown {
  return comparable(foldEvents(dialect.decodeAnswer(bytes, new LossLedger())));
}

/** Blocks, usage and end; an empty argument is an empty object of them. */
function comparable(folded: ReturnType<typeof foldEvents>): unknown {
  const blocks = folded.blocks.map(block => ({
    ...block,
    text: block.head.type === 'call' && block.text === '' ? '{}' : block.text,
  }));
  return { blocks, usage: folded.usage, finish: folded.finish };
}

test('every dialect that is built is in the square', () => {
  assert.deepEqual(
    [...dialects.keys()].filter(name => !squareDialects.includes(name)),
    [],
  );
});

test('each feature is told by some dialect, and each declared difference belongs to a pair that can have it', () => {
  const names: readonly DialectName[] = squareDialects;
  for (const feature of features) {
    const pairs = names.flatMap(client => names.map(provider => [client, provider] as const));
    assert.ok(
      pairs.some(([client, provider]) => isAsked(feature, client) || isAnswered(feature, client, provider)),
      feature.name,
    );
  }
});
