import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { caseFile, type DialectCase, readDialectCases } from '../../docs/dialect-cases.ts';
import { dialectsPage } from '../../docs/dialects-page.ts';
import { pathFacts } from '../../test/support/dialect-rows.ts';
import { Fault } from '../completion/fault.ts';
import { LossLedger } from '../completion/loss.ts';
import { lossCodes } from '../completion/loss-codes.ts';
import type { DialectName } from '../completion/request.ts';
import { openReasoning } from '../gateway/open-reasoning.ts';
import { profileOf } from '../gateway/profiles.ts';
import { nothingRecalled } from '../gateway/recall-reasoning.ts';
import { providerOf } from '../providers/registry.ts';
import type { AnswerContext, Dialect, PathFacts, RequestTarget } from './dialect.ts';
import { StateSeal } from './opaque-state.ts';
import { dialects } from './registry.ts';
import {
  readRequest,
  type TranslationPair,
  translateAnswer,
  translateStream,
  type WrittenRequest,
  writeRequest,
} from './translate.ts';

const cases = readDialectCases();

const kinds: Readonly<Record<string, string>> = {
  'openai-chat': 'openai',
  'openai-responses': 'openai',
  'anthropic-messages': 'anthropic',
  'bedrock-converse': 'bedrock',
  'cohere-chat': 'cohere',
  gemini: 'gemini',
};

function dialectOf(name: string): Dialect {
  const dialect = dialects.get(name as DialectName);
  assert.ok(dialect !== undefined, `${name} is no dialect`);
  return dialect;
}

function targetOf(one: DialectCase): RequestTarget {
  const kind = one.kind ?? kinds[one.provider]!;
  const targetModel = one.model ?? 'target-model';
  const { streamOptions, outputLimit } = providerOf(kind).quirks;
  const profile = profileOf(kind, dialectOf(one.provider).name, targetModel);
  return { targetModel, outputTokensMax: 4096, outputLimitField: outputLimit, streamOptions, profile };
}

function namedOf(one: DialectCase): PathFacts | undefined {
  return pathFacts(dialectOf(one.client).name, 'acme/case');
}

/** What the client and the provider see of a case, as far as its files go. */
function run(one: DialectCase): { readonly losses: readonly string[]; readonly sent: WrittenRequest } {
  const pair = { client: dialectOf(one.client), provider: dialectOf(one.provider), target: targetOf(one) };
  const sent = sendOf(one, pair);
  const losses = new LossLedger();
  const context: AnswerContext = {
    exchangeId: 'case',
    targetModel: pair.target.targetModel,
    createdAtMs: 0,
    streamUsage: pair.client.scanRequest(Buffer.from(fileOf(one, 'request.json')), namedOf(one)).streamUsage,
    inputTokensEstimate: 7,
    losses,
    form: sent.form,
    requestBody: Buffer.from(fileOf(one, 'request.json')),
  };
  const answer = caseFile(one, 'answer.json');
  if (answer !== undefined) {
    const seen = translateAnswer(Buffer.from(answer), pair, context).toString();
    assert.deepEqual(JSON.parse(seen), JSON.parse(fileOf(one, 'client-answer.json')), 'the client’s answer');
  }
  const stream = caseFile(one, 'answer.sse');
  if (stream !== undefined) {
    const seen = translateStream(Buffer.from(stream), pair, context).toString();
    assert.deepEqual(eventsOf(seen), eventsOf(fileOf(one, 'client-answer.sse')), 'the client’s stream');
  }
  return { sent, losses: [...sent.losses, ...losses.losses].map(({ code, path }) => `${code};${path}`) };
}

/** Envelopes in requests are of this key and organisation; nothing is recalled. */
const states = {
  seal: new StateSeal(createSecretKey(Buffer.alloc(32))),
  remember: () => {},
  recall: async () => nothingRecalled,
};

/** The whole way of a request, as the gateway walks it. */
function sendOf(one: DialectCase, { client, provider, target }: TranslationPair): WrittenRequest {
  const read = readRequest(client, Buffer.from(fileOf(one, 'request.json')), namedOf(one));
  const maker = {
    dialect: provider.name,
    kind: one.kind ?? kinds[one.provider]!,
    targetModel: target.targetModel,
  };
  const form = (target.profile ?? provider.profile).reasoning;
  const opened = openReasoning(read, { maker, form, organisation: 'case' }, nothingRecalled, states);
  return writeRequest(opened, provider, target);
}

function fileOf(one: DialectCase, file: string): string {
  const text = caseFile(one, file);
  assert.ok(text !== undefined, `${one.name} lacks ${file}`);
  return text;
}

function eventsOf(text: string): unknown[] {
  return text
    .split(/\r?\n\r?\n/)
    .filter(event => event.trim() !== '')
    .map(event => {
      const fields = event.split(/\r?\n/);
      const name = fields
        .find(field => field.startsWith('event:'))
        ?.slice(6)
        .trim();
      const value =
        fields
          .find(field => field.startsWith('data:'))
          ?.slice(5)
          .trim() ?? '';
      return { name, value: value.startsWith('{') ? JSON.parse(value) : value };
    });
}

for (const one of cases) {
  test(`${one.name}: ${one.title}`, () => {
    if (one.outcome === 'refused') {
      assert.equal(caseFile(one, 'upstream.json'), undefined, 'a refused request goes nowhere');
      assert.throws(
        () => run(one),
        (fault: unknown) => {
          assert.ok(fault instanceof Fault, String(fault));
          assert.deepEqual(
            { code: fault.code, ...(fault.parameter === undefined ? {} : { parameter: fault.parameter }) },
            one.fault,
          );
          return true;
        },
      );
      return;
    }

    const { sent, losses } = run(one);

    assert.deepEqual(JSON.parse(sent.body.toString()), JSON.parse(fileOf(one, 'upstream.json')), 'the request');
    assert.deepEqual(losses, one.losses);
    assert.equal(one.outcome, losses.length === 0 ? 'carried' : 'lost');
    for (const loss of losses) assert.ok(Object.hasOwn(lossCodes, loss.split(';')[0]!), loss);
  });
}

test('docs/reference/dialects.md says what the cases show; if not, run npm run docs', () => {
  const file = readFileSync(new URL('../../docs/reference/dialects.md', import.meta.url), 'utf8');
  assert.equal(file, dialectsPage(cases));
});

test('there are cases in both directions, of each outcome', () => {
  for (const [client, provider] of [
    ['openai-chat', 'anthropic-messages'],
    ['anthropic-messages', 'openai-chat'],
    ['openai-responses', 'openai-chat'],
    ['openai-responses', 'anthropic-messages'],
    ['openai-chat', 'openai-responses'],
  ]) {
    const outcomes = cases.filter(one => one.client === client && one.provider === provider).map(one => one.outcome);
    assert.deepEqual([...new Set(outcomes)].sort(), ['carried', 'lost', 'refused']);
  }
});
