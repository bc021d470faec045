import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import type { RoutePolicy } from '../../src/snapshot/snapshot.ts';
import { digestOf, secret, startGateway, type TestGateway } from '../support/gateway.ts';
import { rateCard } from '../support/snapshot.ts';

/** 48 letters: twelve tokens of the emulator, each an event of its own. */
const text = 'Every model, carried on equal terms, by any host';
const prompt = `say exactly: ${text}`;

/** Two deployments of each dialect; of Messages such as take a prefill, of chat such as take it marked. */
const kinds = { chat: 'mistral', messages: 'anthropic' } as const;
type Wire = keyof typeof kinds;
const wires = ['chat', 'messages'] as const;

suite('after the first content', () => {
  let first: Emulator;
  let second: Emulator;
  let gateway: TestGateway;
  let openai: OpenAI;
  let anthropic: Anthropic;

  before(async () => {
    first = await startEmulator();
    second = await startEmulator();
    gateway = await startPair(first, second, {});
    openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: secret, maxRetries: 0 });
    anthropic = new Anthropic({ baseURL: gateway.url, apiKey: secret, maxRetries: 0 });
  });
  after(async () => {
    await gateway.stop();
    await first.stop();
    await second.stop();
  });
  beforeEach(() => {
    first.replaceRules(['end-after=6']);
    second.replaceRules([]);
  });

  for (const wire of wires) {
    test(`the official client of chat completions passes over a restart by ${wire} and gets the whole answer after it`, async () => {
      const stream = await openai.chat.completions.create(
        {
          model: wire,
          stream: true,
          stream_options: { include_usage: true },
          messages: [{ role: 'user', content: prompt }],
        },
        { headers: { 'x-carrier-on-failure': 'restart' } },
      );
      let before = '';
      let after: string | undefined;
      let finishes = 0;
      let usage: OpenAI.CompletionUsage | undefined;
      for await (const chunk of stream) {
        // The cast is true: the gateway adds it.
        const { restart } =
          (chunk as { carrier?: { restart?: { attempt: number; deployment: string } } }).carrier ?? {};
        if (restart !== undefined) {
          assert.deepEqual([restart.attempt, restart.deployment], [2, `second-${wire}`]);
          assert.equal(after, undefined, 'one restart');
          after = '';
        }
        const said = chunk.choices[0]?.delta.content ?? '';
        if (after === undefined) before += said;
        else after += said;
        if (chunk.choices[0]?.finish_reason === 'stop') finishes += 1;
        usage = chunk.usage ?? usage;
      }

      assert.ok(before !== '' && before !== text && text.startsWith(before), before);
      assert.equal(after, text);
      assert.equal(finishes, 1);
      assert.equal(usage?.completion_tokens, 12);
    });

    test(`the official client of Messages passes over a restart by ${wire} and gets the whole answer in blocks of its own`, async () => {
      const message = await anthropic.messages
        .stream(
          { model: wire, max_tokens: 100, messages: [{ role: 'user', content: prompt }] },
          { headers: { 'x-carrier-on-failure': 'restart' } },
        )
        .finalMessage();

      const [discarded, whole] = message.content.map(block => (block.type === 'text' ? block.text : block.type));
      assert.equal(message.content.length, 2);
      assert.ok(discarded !== '' && discarded !== text && text.startsWith(discarded!), discarded);
      assert.equal(whole, text);
      assert.equal(message.stop_reason, 'end_turn');
      assert.equal(message.usage.output_tokens, 12);
    });

    test(`the official clients read a text that ${wire} goes on with as one text`, async () => {
      const chat = await openai.chat.completions
        .stream(
          { model: wire, messages: [{ role: 'user', content: prompt }] },
          { headers: { 'x-carrier-on-failure': 'continue' } },
        )
        .finalChatCompletion();
      const message = await anthropic.messages
        .stream(
          { model: wire, max_tokens: 100, messages: [{ role: 'user', content: prompt }] },
          { headers: { 'x-carrier-on-failure': 'continue' } },
        )
        .finalMessage();

      assert.equal(chat.choices[0]?.message.content, text);
      assert.equal(chat.choices[0]?.finish_reason, 'stop');
      assert.deepEqual(
        message.content.map(block => (block.type === 'text' ? block.text : block.type)),
        [text],
      );
      const [ofChat, ofMessages] = gateway.ends().slice(-2);
      for (const end of [ofChat, ofMessages]) {
        const [loss] = end!.losses.filter(({ code }) => code === 'answer-continued');
        assert.match(loss?.path ?? '', new RegExp(`^second-${wire}@\\d+$`));
        assert.equal(end!.outcome, 'ok');
        assert.equal(end!.deliveredBytes, 48);
      }
    });
  }

  test('who says the last words again has them left out', async () => {
    second.replaceRules(['again=9']);

    const { body } = await ask('chat', 'chat', 'continue');

    assert.equal(textOfChat(body), text);
    assert.equal(noticeOf(body)?.overlap, 9);
  });

  test('who answers anew instead of going on is not put behind the other, and the answer ends with its first fault', async () => {
    const long = Array.from({ length: 20 }, (_, line) => `line ${line} of a long text`).join(', ');
    first.replaceRules(['end-after=100;times=1', 'status=500']);
    second.replaceRules(['again=1000']);

    const { body } = await ask('chat', 'messages', 'continue', { content: `say exactly: ${long}` });

    assert.equal(noticeOf(body), undefined);
    assert.ok(textOfChat(body).length > 300 && long.startsWith(textOfChat(body)));
    assert.match(body, /"error":\{"message":"[^"]*","type":"server_error"/);
    // The one whose answer the client has comes last.
    assert.deepEqual(outcomes(), ['upstream_malformed', 'upstream_error', 'upstream_truncated']);
    assert.equal(gateway.ends().at(-1)?.outcome, 'upstream_truncated');
  });

  test('an answer that ends in JSON or in a block of code is not gone on with', async () => {
    for (const said of ['{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}', '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]']) {
      const { body } = await ask('chat', 'chat', 'continue', { content: `say exactly: ${said}` });

      assert.equal(noticeOf(body), undefined, said);
      assert.match(body, /"error":/);
      assert.deepEqual(outcomes(), ['upstream_truncated']);
    }
  });

  test('reasoning that nobody asked for is never gone on with, and can be restarted', async () => {
    first.replaceRules(['show-reasoning=reasoning_content;reasoning=12;end-after=6']);

    const continued = await ask('chat', 'chat', 'continue');
    assert.equal(noticeOf(continued.body), undefined);
    assert.match(continued.body, /"reasoning_content":"[^"]+"/);
    assert.match(continued.body, /"error":/);

    const restarted = await ask('chat', 'chat', 'restart');
    assert.equal(noticeOf(restarted.body)?.attempt, 2);
    assert.equal(textOfChat(restarted.body), text);
  });

  const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }];
  const calls =
    'call the tool look with {"at":"the first of two things"} call the tool look with {"at":"the other one"}';

  for (const mode of ['error', 'restart'] as const) {
    for (const wire of wires) {
      test(`a broken tool call of ${wire} ends with an error that lists the complete ones, also under ${mode}`, async () => {
        first.replaceRules([wire === 'chat' ? 'end-after=7' : 'end-after=8']);

        const { body } = await ask('chat', wire, mode, { content: calls, tools });

        assert.equal(noticeOf(body), undefined);
        const { error } = lastOfChat(body);
        assert.equal(body.split('"error":').length, 2);
        assert.deepEqual(
          error.salvageable_tool_calls?.map(call => call.function),
          [{ name: 'look', arguments: '{"at":"the first of two things"}' }],
        );
        assert.equal(gateway.ends().at(-1)?.attempts.length, 1);
      });
    }
  }

  test("a provider's own error event lists complete calls, too, and is the only one", async () => {
    first.replaceRules(['error-after=8']);

    const response = await post('/v1/messages', 'messages', 'error', {
      model: 'messages',
      stream: true,
      max_tokens: 200,
      tools: [{ name: 'look', input_schema: { type: 'object', properties: {} } }],
      messages: [{ role: 'user', content: calls }],
    });
    const body = await response.text();

    assert.equal(body.split('event: error').length, 2);
    const { error } = JSON.parse(body.slice(body.lastIndexOf('data: ') + 6));
    assert.equal(error.type, 'overloaded_error');
    assert.deepEqual(
      error.salvageable_tool_calls.map(({ name, input }: { name: string; input: unknown }) => ({ name, input })),
      [{ name: 'look', input: { at: 'the first of two things' } }],
    );
  });

  test('a half call alone leaves nothing to salvage', async () => {
    first.replaceRules(['end-after=3']);

    const { body } = await ask('chat', 'chat', 'error', { content: calls, tools });

    assert.equal(lastOfChat(body).error.salvageable_tool_calls, undefined);
  });

  test('a restart that finds nobody ends with the first fault, charged as the text that was shown', async () => {
    first.replaceRules(['end-after=6;times=1', 'status=500']);
    second.replaceRules(['status=500']);

    const { body } = await ask('messages', 'messages', 'restart');

    assert.equal(body.split('event: error').length, 2);
    assert.doesNotMatch(body, /carrier\.restart|message_stop/);
    const end = gateway.ends().at(-1)!;
    // The one whose answer the client has comes last.
    assert.deepEqual(
      end.attempts.map(({ attempt, outcome }) => [attempt, outcome]),
      [
        [1, 'upstream_error'],
        [2, 'upstream_error'],
        [3, 'upstream_truncated'],
      ],
    );
    assert.equal(end.outcome, 'upstream_truncated');
    assert.equal(end.state, 'estimated');
  });

  test('an answer restarts as often as the route makes attempts, and each restart is announced', async () => {
    second.replaceRules(['end-after=8']);

    const { body } = await ask('messages', 'messages', 'restart');

    assert.equal(body.split('event: carrier.restart').length - 1, 2);
    assert.deepEqual(
      [...body.matchAll(/"blocksFrom":(\d+)/g)].map(([, from]) => from),
      ['1', '2'],
    );
    assert.equal(body.split('event: error').length, 2);
    assert.equal(gateway.ends().at(-1)?.attempts.length, 3);
  });

  test('a whole answer waits until it is whole where a restart is asked for, so a break of a long one is not seen', async () => {
    first.replaceRules(['body=200000;cut-after=150000']);
    second.replaceRules(['body=200000']);

    const kept = await post('/v1/chat/completions', 'chat', 'restart', whole('chat'));
    const answer = (await kept.json()) as { choices: { message: { content: string } }[] };
    assert.equal(answer.choices[0]?.message.content.length, 200_000);
    assert.equal(kept.headers.get('x-carrier-deployment'), 'second-chat');

    const shown = await post('/v1/chat/completions', 'chat', 'error', whole('chat'));
    await assert.rejects(shown.text());
    const end = gateway.ends().at(-1)!;
    assert.deepEqual(
      end.attempts.map(({ deployment, outcome }) => [deployment, outcome]),
      [['first-chat', 'upstream_truncated']],
    );
    assert.equal(end.outcome, 'upstream_truncated');
  });

  const impossible: readonly (readonly [
    what: string,
    mode: string,
    wire: string,
    more: Readonly<Record<string, unknown>>,
    reason: RegExp,
  ])[] = [
    ['tools', 'continue', 'chat', { tools }, /has tools/],
    ['a structure', 'continue', 'chat', { response_format: { type: 'json_object' } }, /structure/],
    ['reasoning', 'continue', 'chat', { reasoning_effort: 'low' }, /reasoning/],
    ['log probabilities', 'continue', 'chat', { logprobs: true }, /log probabilities/],
    ['several answers', 'restart', 'chat', { n: 2 }, /several answers/],
    [
      'a field that the middle does not know',
      'continue',
      'chat',
      { audio: { voice: 'alloy', format: 'wav' } },
      /cannot be written anew/,
    ],
    ['a route of one attempt', 'restart', 'once', {}, /one attempt/],
    ['candidates that take no prefill', 'continue', 'fresh', {}, /no candidate is documented/],
  ];
  for (const [what, mode, wire, more, reason] of impossible) {
    test(`${mode} with ${what} is refused before anything is sent`, async () => {
      const sent = first.stats().requests + second.stats().requests;

      const { response, body } = await ask('chat', wire, mode, more);

      assert.equal(response.status, 400, body);
      assert.equal(response.headers.get('x-carrier-fault'), 'on_failure_impossible');
      assert.match(body, reason);
      assert.equal(first.stats().requests + second.stats().requests, sent);
    });
  }

  test('what a route says holds for those who say nothing, and not for requests that rule it out', async () => {
    const restarted = await ask('chat', 'restarting', undefined);
    assert.equal(noticeOf(restarted.body)?.attempt, 2);

    const asked = await ask('chat', 'restarting', 'error');
    assert.equal(noticeOf(asked.body), undefined);
    assert.match(asked.body, /"error":/);

    const ruledOut = await ask('chat', 'continuing', undefined, { content: calls, tools });
    assert.equal(ruledOut.response.status, 200);
    assert.match(ruledOut.body, /"error":/);
  });

  /** 19 tokens of input and 12 of output by the emulator; 1.25 and 10.00 USD per million. */
  const whole143 = '143750000000000';

  test('of a restart only the second answer is charged, and the first is waste', async () => {
    gateway.settled.length = 0;
    await ask('chat', 'messages', 'restart');

    const end = gateway.ends().at(-1)!;
    assert.deepEqual([end.sell?.amountAtto, end.state, end.deliveredBytes], [whole143, 'settled', 48]);
    // The first told its input at once, and one token of output; twelve bytes of text are three more by estimate.
    assert.deepEqual(
      end.attempts.map(({ outcome, reading, buy }) => [
        outcome,
        reading.source,
        reading.slices.inputUncached,
        reading.slices.output,
        buy?.amountAtto,
      ]),
      [
        ['upstream_truncated', 'estimated', 19, 4, '63750000000000'],
        ['ok', 'provider', 19, 12, whole143],
      ],
    );
    assert.deepEqual(gateway.settled, [143_750_000_000_000n]);
  });

  test('who goes on with a text is charged for what was given to it and what it wrote, once', async () => {
    gateway.settled.length = 0;
    await ask('chat', 'messages', 'continue', { max_tokens: 12 });

    const end = gateway.ends().at(-1)!;
    // 19 tokens and a turn of 3 + 3 in, 9 out; the limit of 12 is one of both together.
    assert.deepEqual(
      end.attempts.map(({ reading }) => [reading.slices.inputUncached, reading.slices.output]),
      [
        [19, 4],
        [25, 9],
      ],
    );
    assert.deepEqual([end.sell?.amountAtto, end.deliveredBytes], ['121250000000000', 48]);
    assert.deepEqual(gateway.settled, [121_250_000_000_000n]);
    // The cast is true: the emulator keeps what it was sent.
    const sent = JSON.parse(second.requests().at(-1)!.body.toString()) as { max_tokens: number; messages: unknown[] };
    assert.equal(sent.max_tokens, 9);
    assert.deepEqual(sent.messages.at(-1), { role: 'assistant', content: 'Every model,' });
  });

  test('what is held bounds who goes on, too: its output is lowered to what the hold leaves', async t => {
    // Input is dear here: what was written already costs more to be read than it cost to be written.
    const card = {
      version: 'dear-input',
      currency: 'USD',
      rates: { input: '40000000000000', output: '10000000000000' },
      tiers: [],
    };
    const dear = await startPair(first, second, {}, card);
    t.after(() => dear.stop());
    first.replaceRules(['end-after=9']);

    const response = await fetch(`${dear.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${secret}`,
        'content-type': 'application/json',
        'x-carrier-on-failure': 'continue',
      },
      body: JSON.stringify({
        model: 'messages',
        stream: true,
        max_tokens: 200,
        messages: [{ role: 'user', content: prompt }],
      }),
    });
    await response.text();
    await dear.untilEnded(1);

    const admit = dear.records.find(record => record.type === 'admit')!;
    const end = dear.ends()[0]!;
    // 154 bytes of request, 256 tokens that a provider may add, and 64 of a further turn at 40.00; 200 tokens at 10.00.
    assert.equal(admit.hold.amountAtto, '20960000000000000');
    // 23 bytes of text at 40.00 leave 108 of the 200 tokens, where the limit alone would have left 194.
    const sent = JSON.parse(second.requests().at(-1)!.body.toString()) as { max_tokens: number };
    assert.equal(sent.max_tokens, 108);
    // 28 tokens at 40.00 and 7 at 10.00.
    assert.deepEqual([end.sell?.amountAtto, end.sell?.overHoldAtto], ['1190000000000000', '0']);
    assert.deepEqual([end.outcome, end.deliveredBytes], ['ok', 48]);
  });

  test('three that break one after another cost their customer no more than the hold, which is all there is', async t => {
    const emulators = { first, second };
    const ids = ['first-a', 'first-b', 'first-c', 'second-d'] as const;
    const tight = await startGateway({
      ports: { health: { of: () => undefined, inFlight: () => 0, begin: () => true, end: () => {} } },
      // 150 bytes of request and 256 tokens that a provider may add at 1.25, 30 tokens at 10.00: all that is left.
      budgetAtto: 807_500_000_000_000n,
      snapshot: {
        keys: [{ id: 'test0001', digest: digestOf(secret) }],
        budgets: [{ id: 'b1', subject: 'web' }],
        providers: ids.map(name => ({
          name,
          dialects: ['openai-chat' as const],
          baseUrl: `${emulators[name.startsWith('first') ? 'first' : 'second'].url}/v1`,
        })),
        deployments: ids.map(id => ({ id, provider: id, model: `emulated/${id}` })),
        routes: [
          {
            name: 'chain',
            candidates: ids.map((deployment, index) => ({ deployment, priority: index + 1 })),
            policy: { retries: 3, onFailure: 'restart' },
          },
        ],
      },
    });
    t.after(() => tight.stop());
    second.replaceRules(['report-input=400;report-output=90']);

    const response = await fetch(`${tight.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'chain',
        stream: true,
        max_tokens: 30,
        messages: [{ role: 'user', content: prompt }],
      }),
    });
    assert.equal(response.status, 200, await response.clone().text());
    await response.text();
    await tight.untilEnded(1);

    const end = tight.ends()[0]!;
    assert.equal(tight.records.find(record => record.type === 'admit')?.hold.amountAtto, '807500000000000');
    assert.deepEqual(
      end.attempts.map(({ outcome, buy }) => [outcome, buy?.amountAtto]),
      [
        ['upstream_truncated', '97500000000000'],
        ['upstream_truncated', '97500000000000'],
        ['upstream_truncated', '97500000000000'],
        ['ok', '1400000000000000'],
      ],
    );
    // 400 tokens at 1.25 and 90 at 10.00, of which the hold pays 807.5; the rest and what broke are the operator's.
    assert.deepEqual([end.sell?.amountAtto, end.sell?.overHoldAtto], ['1400000000000000', '592500000000000']);
    assert.deepEqual(tight.settled, [807_500_000_000_000n]);
    assert.deepEqual(tight.alerts, ['charge_over_hold']);
  });

  test('a text that has used up its limit is not gone on with', async () => {
    first.replaceRules(['end-after=6;times=1', 'status=500']);
    const { body } = await ask('chat', 'chat', 'continue', { max_tokens: 5 });

    assert.equal(noticeOf(body), undefined);
    assert.match(body, /"error":/);
    assert.equal(gateway.ends().at(-1)?.attempts.length, 1);
  });

  async function post(path: string, _wire: string, mode: string | undefined, body: object): Promise<Response> {
    return fetch(gateway.url + path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${secret}`,
        'content-type': 'application/json',
        'anthropic-version': '2023-06-01',
        ...(mode === undefined ? undefined : { 'x-carrier-on-failure': mode }),
      },
      body: JSON.stringify(body),
    });
  }

  async function ask(
    client: Wire,
    route: string,
    mode: string | undefined,
    { content = prompt, ...more }: { readonly content?: string; readonly [field: string]: unknown } = {},
  ): Promise<{ readonly response: Response; readonly body: string }> {
    const path = client === 'chat' ? '/v1/chat/completions' : '/v1/messages';
    const request = { model: route, stream: true, max_tokens: 200, messages: [{ role: 'user', content }], ...more };
    const ended = gateway.ended.length;
    const response = await post(path, route, mode, request);
    const body = await response.text();
    if (response.status === 200) await gateway.untilEnded(ended + 1);
    return { response, body };
  }

  function outcomes(): readonly string[] {
    return gateway
      .ends()
      .at(-1)!
      .attempts.map(({ outcome }) => outcome);
  }
});

function whole(model: string): object {
  return { model, max_tokens: 100_000, messages: [{ role: 'user', content: 'hello' }] };
}

interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string } }[];
  readonly carrier?: { readonly restart?: Notice; readonly seam?: Notice };
  readonly error: { readonly salvageable_tool_calls?: readonly { readonly function: unknown }[] };
}

interface Notice {
  readonly attempt: number;
  readonly overlap?: number;
}

/** Chunks of chat completions; the last may be an error. */
function chunksOf(body: string): Chunk[] {
  return body
    .split('\n\n')
    .filter(event => event.startsWith('data: {'))
    .map(event => JSON.parse(event.slice(6)));
}

function lastOfChat(body: string): Chunk {
  return chunksOf(body).at(-1)!;
}

/** Since the last restart. */
function textOfChat(body: string): string {
  let said = '';
  for (const chunk of chunksOf(body)) {
    if (chunk.carrier?.restart !== undefined) said = '';
    said += chunk.choices?.[0]?.delta?.content ?? '';
  }
  return said;
}

function noticeOf(body: string): Notice | undefined {
  const carrier = chunksOf(body).find(chunk => chunk.carrier !== undefined)?.carrier;
  return carrier?.restart ?? carrier?.seam;
}

async function startPair(
  first: Emulator,
  second: Emulator,
  policy: Partial<RoutePolicy>,
  card = rateCard,
): Promise<TestGateway> {
  const accounts = (['first', 'second'] as const).flatMap(place =>
    wires.map(wire => {
      const url = (place === 'first' ? first : second).url;
      return wire === 'chat'
        ? { name: `${place}-chat`, kind: kinds.chat, dialects: ['openai-chat' as const], baseUrl: `${url}/v1` }
        : { name: `${place}-messages`, kind: kinds.messages, dialects: ['anthropic-messages' as const], baseUrl: url };
    }),
  );
  const route = (name: string, candidates: readonly string[], more: Partial<RoutePolicy> = {}) => ({
    name,
    candidates: candidates.map((deployment, index) => ({ deployment, priority: index + 1 })),
    policy: { ...policy, ...more },
  });
  const known = { of: () => undefined, inFlight: () => 0, begin: () => true, end: () => {} };
  return startGateway({
    // What earlier tests broke must not change the order of later ones.
    ports: { health: known },
    snapshot: {
      budgets: [{ id: 'b1', subject: 'web' }],
      providers: [
        ...accounts,
        { name: 'new', kind: 'anthropic', dialects: ['anthropic-messages'], baseUrl: first.url },
      ],
      deployments: [
        ...accounts.map(({ name }) => ({
          id: name,
          provider: name,
          model: `emulated/${name}`,
          targetModel: name.endsWith('messages') ? 'claude-haiku-4-5' : name,
          sell: card,
        })),
        { id: 'newest', provider: 'new', model: 'emulated/newest', targetModel: 'claude-opus-5-5' },
      ],
      routes: [
        ...wires.map(wire => route(wire, [`first-${wire}`, `second-${wire}`])),
        route('once', ['first-chat', 'second-chat'], { retries: 0 }),
        route('fresh', ['newest'], {}),
        route('restarting', ['first-chat', 'second-chat'], { onFailure: 'restart' }),
        route('continuing', ['first-chat', 'second-chat'], { onFailure: 'continue' }),
      ],
    },
  });
}
