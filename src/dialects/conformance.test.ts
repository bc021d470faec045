import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dialectRows, framesOf, isSilent, pathFacts } from '../../test/support/dialect-rows.ts';
import type { CompletionEvent } from '../completion/event.ts';
import { Fault } from '../completion/fault.ts';
import { foldEvents } from '../completion/fold.ts';
import { LossLedger } from '../completion/loss.ts';
import type { DialectName } from '../completion/request.ts';
import { checkStream } from '../completion/stream-laws.ts';
import type { AnswerFacts, Dialect, StreamObserver } from './dialect.ts';
import { dialects } from './registry.ts';
import { translateRequest } from './translate.ts';

/** What every dialect must do with its own fixtures. A new case is a file, and a line in expected.json for answers. */

/** The top-level request fields that each API documents; each occurs in a fixture. */
const documentedFields = {
  'openai-chat':
    'messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens metadata modalities moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options',
  'openai-responses':
    'model input access_programs background client_metadata context_management conversation image include instructions max_output_tokens max_tool_calls metadata moderation parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options temperature text tool_choice tools top_logprobs top_p truncation user',
  'anthropic-messages':
    'messages model max_tokens cache_control container diagnostics inference_geo metadata output_config service_tier speed stop_sequences stream system temperature thinking tool_choice tools top_k top_p user_profile_id workspace_id',
  'bedrock-converse':
    'messages system inferenceConfig toolConfig guardrailConfig additionalModelRequestFields promptVariables additionalModelResponseFieldPaths requestMetadata performanceConfig serviceTier outputConfig',
  gemini:
    'contents cachedContent generationConfig labels safetySettings serviceTier store systemInstruction toolConfig tools',
  'cohere-chat':
    'messages model citation_options documents frequency_penalty k logprobs max_tokens p presence_penalty priority response_format safety_mode seed stop_sequences stream strict_tools temperature thinking tool_choice tools',
} as const satisfies Readonly<Partial<Record<DialectName, string>>>;

interface Expected {
  readonly servedModel?: string;
  readonly finishRaw?: string;
  readonly usage?: Record<string, number>;
  readonly serviceTier?: string;
  readonly identityBroken?: string;
  readonly contentBytes: number;
  readonly fault?: string;
  readonly malformedEvents?: number;
  readonly state?: string;
  /** What a client of another dialect would get: the blocks of the fold, or the fault. */
  readonly blocks?: readonly unknown[];
  readonly reason?: string;
  readonly translationFault?: string;
  readonly losses?: readonly string[];
}

function folder(dialect: Dialect, kind: string): URL {
  return new URL(`./${dialect.name}/fixtures/${kind}/`, import.meta.url);
}

function fixtures(dialect: Dialect, kind: string): { readonly name: string; readonly bytes: Buffer }[] {
  const at = folder(dialect, kind);
  const names = readdirSync(at).filter(name => name !== 'expected.json');
  return names.sort().map(name => ({ name, bytes: readFileSync(new URL(name, at)) }));
}

function expectations(dialect: Dialect, kind: string): Record<string, Expected> {
  return JSON.parse(readFileSync(new URL('expected.json', folder(dialect, kind)), 'utf8'));
}

/** Facts as they stand in expected.json: absent is absent. */
function summary(facts: AnswerFacts): Record<string, unknown> {
  return JSON.parse(
    JSON.stringify({
      servedModel: facts.servedModel,
      finishRaw: facts.finishRaw,
      usage: facts.usage,
      serviceTier: facts.serviceTier,
      identityBroken: facts.identityBroken,
      contentBytes: facts.contentBytes,
      fault: facts.fault?.code,
      malformedEvents: facts.malformedEvents === 0 ? undefined : facts.malformedEvents,
    }),
  );
}

function translation(events: readonly CompletionEvent[], losses: LossLedger): Record<string, unknown> {
  checkStream(events);
  const codes = losses.losses.map(({ code }) => code);
  const declared = codes.length === 0 ? {} : { losses: codes };
  try {
    const folded = foldEvents(events);
    const blocks = folded.blocks.map(({ head, ...said }) => ({ ...head, ...said }));
    return { blocks, reason: folded.finish.reason, ...declared };
  } catch (fault) {
    assert.ok(fault instanceof Fault);
    return { translationFault: fault.code, ...declared };
  }
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(Buffer.from(bytes.subarray(at, at + size)));
  return chunks;
}

function watch(
  observer: StreamObserver,
  chunks: readonly Buffer[],
): { readonly bytes: Buffer; readonly state: string } {
  const passed: Buffer[] = [];
  const held: Buffer[] = [];
  for (const chunk of chunks) {
    const { pass, held: kept } = observer.push(chunk);
    if (pass !== undefined) passed.push(pass);
    if (kept !== undefined) held.push(kept);
  }
  const last = observer.finish();
  if (last.pass !== undefined) passed.push(last.pass);
  if (last.held !== undefined) held.push(last.held);
  return { bytes: Buffer.concat([...passed, ...held]), state: last.state };
}

function valueAt(body: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], body);
}

/** A copy without any limit, and without what was there for one only. */
function withoutLimits(dialect: DialectName, body: unknown): Record<string, unknown> {
  const copy = structuredClone(body) as Record<string, unknown>;
  for (const path of dialectRows[dialect].limits) {
    const names = path.split('.');
    const last = names.pop()!;
    const holder = names.reduce<Record<string, unknown> | undefined>(
      (at, name) => at?.[name] as Record<string, unknown> | undefined,
      copy,
    );
    if (holder === undefined || holder === null) continue;
    delete holder[last];
    if (names.length > 0 && Object.keys(holder).length === 0) delete copy[names[0]!];
  }
  return copy;
}

const literal = /"(?:acme\/fixture|acme\\\/fixture|acme\\u002ffixture|\\u0061cme\\\/fixture)"/g;

for (const dialect of dialects.values()) {
  const name = dialect.name as keyof typeof documentedFields;

  test(`${name}: a notice says nothing to who does not know it, and is one whole event behind a closed block`, () => {
    const context = { exchangeId: 'ex_1', createdAtMs: 0 };
    const by = { attempt: 2, deployment: 'second', model: 'm' };
    const notices = [
      dialect.encodeNotice({ type: 'restart', ...by }, { blocks: 0, open: undefined }, context),
      dialect.encodeNotice(
        { type: 'seam', ...by, offsetBytes: 4, overlap: 0 },
        { blocks: 1, open: { index: 0, type: 'text' } },
        context,
      ),
    ];
    for (const notice of notices) {
      const watched = watch(dialect.observeStream({ stripUsage: false }), [notice]);
      const events = dialect.decodeStream(new LossLedger()).push(notice);

      assert.deepEqual(watched.bytes, notice);
      assert.equal(watched.state, 'nothing');
      assert.deepEqual(
        events.filter(({ type }) => type !== 'message-start'),
        [],
      );
      assert.match(notice.toString(), /"attempt":2,"deployment":"second","model":"m"/);
    }
  });

  test(`${name}: there are at least 40 requests, and every documented field is in one`, () => {
    const requests = fixtures(dialect, 'requests');
    const fields = new Set(requests.flatMap(({ bytes }) => Object.keys(JSON.parse(bytes.toString()))));

    assert.ok(requests.length >= 40);
    assert.deepEqual(
      documentedFields[name].split(' ').filter(field => !fields.has(field)),
      [],
    );
  });

  for (const { name: file, bytes } of fixtures(dialect, 'requests')) {
    const named = pathFacts(name, 'acme/fixture');

    test(`${name}: ${file} goes out as it came in, but for the declared splices`, () => {
      const text = bytes.toString();
      const [before, after, ...more] = named === undefined ? text.split(literal) : [text, ''];
      assert.equal(more.length, 0);

      const scan = dialect.scanRequest(bytes, named);
      const plain = { targetModel: 'served "as" x', askUsage: false, outputTokensMax: undefined };
      const spliced = dialect.spliceRequest(bytes, scan, plain).toString();

      assert.equal(scan.requestedModel, 'acme/fixture');
      assert.equal(spliced, named === undefined ? `${before}"served \\"as\\" x"${after}` : text);
      assert.equal(bytes.toString(), text);
    });

    test(`${name}: ${file} asks for usage and a lower limit, and changes in nothing else`, () => {
      const scan = dialect.scanRequest(bytes, named);
      const given = JSON.parse(bytes.toString());

      const spliced = dialect.spliceRequest(bytes, scan, { targetModel: 'm', askUsage: true, outputTokensMax: 9 });

      const sent = JSON.parse(spliced.toString());
      const { stream_options: options, ...rest } = sent;
      const { stream_options: givenOptions, ...givenRest } = given;
      const model = named === undefined ? { model: 'm' } : undefined;
      assert.deepEqual(withoutLimits(name, rest), { ...withoutLimits(name, givenRest), ...model });
      const asks = name === 'openai-chat' && given.stream === true;
      assert.deepEqual(options, asks ? { ...givenOptions, include_usage: true } : givenOptions);
      const limits = dialectRows[name].limits.map(path => [valueAt(given, path), valueAt(sent, path)]);
      // Where none was named it stands in the first place; of two words each that was named is lowered.
      const isNamed = limits.some(([was]) => was !== undefined);
      limits.forEach(([was, is], index) => {
        assert.equal(is, was !== undefined || (!isNamed && index === 0) ? 9 : undefined);
      });
    });

    test(`${name}: ${file} crosses to every dialect or is refused by name`, () => {
      for (const other of dialects.values()) {
        const target = { targetModel: 'm', outputTokensMax: 4096 };
        let wire: Buffer;
        try {
          wire = translateRequest(bytes, { client: dialect, provider: other, target, named }).body;
        } catch (fault) {
          assert.ok(fault instanceof Fault, String(fault));
          const codes = ['translation_unsupported', 'media_fetch_refused', 'parameter_invalid'];
          assert.ok(codes.includes(fault.code), fault.code);
          assert.ok(fault.parameter !== undefined);
          continue;
        }
        const path = pathFacts(other.name, 'm');
        assert.equal(other.scanRequest(wire, path).requestedModel, 'm');
        // What one dialect wrote, it reads again.
        assert.ok(!isSilent(other.name, JSON.parse(wire.toString())));
        assert.ok(other.decodeRequest(wire, new LossLedger(), path).turns.length > 0);
      }
    });
  }

  const answers = expectations(dialect, 'answers');
  test(`${name}: there are at least 15 whole answers and 15 streams, each with its facts`, () => {
    for (const kind of ['answers', 'streams']) {
      const names = fixtures(dialect, kind).map(({ name: file }) => file);
      assert.ok(names.length >= 15);
      assert.deepEqual(Object.keys(expectations(dialect, kind)).sort(), names);
    }
  });

  for (const { name: file, bytes } of fixtures(dialect, 'answers')) {
    test(`${name}: the whole answer ${file} is read`, () => {
      const losses = new LossLedger();
      const seen = {
        ...summary(dialect.observeAnswer(bytes)),
        ...translation(dialect.decodeAnswer(bytes, losses), losses),
      };

      assert.deepEqual(seen, answers[file]);
    });
  }

  const streams = expectations(dialect, 'streams');
  for (const { name: file, bytes } of fixtures(dialect, 'streams')) {
    test(`${name}: the stream ${file} is read and passed on, whole, by event and by byte`, () => {
      for (const chunks of [[bytes], framesOf(name, bytes), cut(bytes, 1), cut(bytes, 7)]) {
        const observer = dialect.observeStream({ stripUsage: false });
        const { bytes: passed, state } = watch(observer, chunks);
        const losses = new LossLedger();
        const decoder = dialect.decodeStream(losses);
        const events = [...chunks.flatMap(chunk => decoder.push(chunk)), ...decoder.finish()];

        const seen = { ...summary(observer.facts), state, ...translation(events, losses) };

        assert.deepEqual(seen, streams[file]);
        if (state === 'ended' || state === 'failed') {
          const whole = bytes.toString().trimEnd();
          assert.equal(passed.toString().trimEnd(), whole);
          assert.ok(passed.length >= bytes.length);
        } else {
          assert.equal(bytes.indexOf(passed), 0);
        }
      }
    });
  }
}
