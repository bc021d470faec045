import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../completion/fault.ts';
import { LossLedger } from '../completion/loss.ts';
import type { Turn } from '../completion/request.ts';
import { anthropicMessages } from './anthropic-messages/dialect.ts';
import { parseDataUrl } from './data-url.ts';
import type { Dialect } from './dialect.ts';
import { checkBase64, readMediaUrl } from './inline-media.ts';
import { typeOfBytes } from './media-type.ts';
import { openaiChat } from './openai-chat/dialect.ts';
import { encodeTurns } from './openai-chat/encode-turns.ts';
import { openaiChatProfile } from './openai-chat/profile.ts';
import { translateRequest } from './translate.ts';
import { plainText, writeJson } from './write-json.ts';

const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').toString('base64');
const pdf = Buffer.from('%PDF-1.7\n').toString('base64');
const target = { targetModel: 'target', outputTokensMax: 4_096 };

const token = fc.stringMatching(/^[a-z][a-z0-9.+-]{0,12}$/);
const bytes = fc.uint8Array({ maxLength: 40 }).map(array => Buffer.from(array));

test('a data: URL is cut where its data begin, whatever parameters its type has', () => {
  const parameter = fc.tuple(token, token).map(([name, value]) => `;${name}=${value}`);
  fc.assert(
    fc.property(token, token, fc.array(parameter, { maxLength: 3 }), bytes, (type, subtype, parameters, data) => {
      const mediaType = `${type}/${subtype}${parameters.join('')}`;
      const base64 = data.toString('base64');

      assert.deepEqual(parseDataUrl(`data:${mediaType};base64,${base64}`), { mediaType, base64 });
      assert.deepEqual(parseDataUrl(`DATA:${mediaType};BASE64,${base64}`), { mediaType, base64 });
    }),
  );
});

test('data of a data: URL that are not base64 are the octets that they are', () => {
  fc.assert(
    fc.property(bytes, data => {
      const escaped = [...data].map(byte => `%${byte.toString(16).padStart(2, '0')}`).join('');

      assert.deepEqual(parseDataUrl(`data:image/png,${escaped}`), {
        mediaType: 'image/png',
        base64: data.toString('base64'),
      });
    }),
  );
});

const noDataUrls = ['', 'data', 'data:', 'data:image/png', 'data:image/png;base64', 'date:image/png,x', 'https://x'];
for (const url of [...noDataUrls, 'data:image/png,%', 'data:image/png,%zz', 'data:image/png,é', 'data:,a b']) {
  test(`${url === '' ? '(empty)' : url} is no data: URL`, () => {
    assert.equal(parseDataUrl(url), undefined);
  });
}

test('the head of a data: URL has a bound', () => {
  assert.equal(parseDataUrl(`data:image/png;a=${'x'.repeat(600)};base64,AAAA`), undefined);
});

function isAccepted(text: string): boolean {
  try {
    checkBase64(text, 'x');
    return true;
  } catch (fault) {
    assert.ok(fault instanceof Fault && fault.code === 'parameter_invalid' && fault.parameter === 'x');
    return false;
  }
}

test('base64 is what RFC 4648 says it is, with its padding and nothing else in it', () => {
  const form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/;
  const letters = fc.string({ unit: fc.constantFrom(...'ABab01+/=-_ \n*é'), maxLength: 12 });
  fc.assert(
    fc.property(letters, text => assert.equal(isAccepted(text), form.test(text), text)),
    { numRuns: 5_000 },
  );
  fc.assert(fc.property(fc.uint8Array({ minLength: 1 }), data => isAccepted(Buffer.from(data).toString('base64'))));
});

test('one wrong letter anywhere in large base64 is found', () => {
  const large = 'A'.repeat(4_000_000);
  for (const at of [0, 1_048_575, 1_048_576, 2_000_001, 3_999_999]) {
    assert.equal(isAccepted(`${large.slice(0, at)}*${large.slice(at + 1)}`), false, String(at));
  }
  assert.equal(isAccepted(large), true);
});

test('addresses are of http or https and have a bound', () => {
  assert.equal(readMediaUrl('HTTPS://x.example/a', 'x'), 'HTTPS://x.example/a');
  assert.equal(readMediaUrl(`https://x.example/${'a'.repeat(8_174)}`, 'x').length, 8_192);
  for (const url of [
    `https://x.example/${'a'.repeat(8_175)}`,
    'http://',
    'https:/x',
    '//x.example/a',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'http://[::1',
    'x',
    '',
  ]) {
    assert.throws(
      () => readMediaUrl(url, 'x'),
      (fault: unknown) => fault instanceof Fault && fault.code === 'parameter_invalid',
      url.slice(0, 40),
    );
  }
});

test('only the first bytes tell a type', () => {
  assert.equal(typeOfBytes(Buffer.from('89504e470d0a1a0a', 'hex')), 'image/png');
  assert.equal(typeOfBytes(Buffer.from('89504e470d0a1a', 'hex')), undefined);
  assert.equal(typeOfBytes(Buffer.from('ffd8ff', 'hex')), 'image/jpeg');
  assert.equal(typeOfBytes(Buffer.from('GIF87a')), 'image/gif');
  assert.equal(typeOfBytes(Buffer.from('GIF88a')), undefined);
  assert.equal(typeOfBytes(Buffer.from('RIFF1234WEBP')), 'image/webp');
  assert.equal(typeOfBytes(Buffer.from('RIFF1234WAVE')), undefined);
  assert.equal(typeOfBytes(Buffer.from('%PDF-1.7')), 'application/pdf');
  assert.equal(typeOfBytes(Buffer.concat([Buffer.alloc(1_019), Buffer.from('%PDF-')])), 'application/pdf');
  assert.equal(typeOfBytes(Buffer.concat([Buffer.alloc(1_020), Buffer.from('%PDF-')])), undefined);
  assert.equal(typeOfBytes(Buffer.alloc(0)), undefined);
});

test('large texts are written as JSON.stringify would, in their places', () => {
  const large = (letter: string) => letter.repeat(70_000);
  const wire = (text: (head: string, letters: string) => unknown) => ({
    a: text('', large('A')),
    b: ['"\n', text('data:x,', large('B')), text('', 'small'), undefined],
    c: undefined,
    d: text('', large('C')),
  });

  assert.equal(writeJson(wire(plainText)).toString(), JSON.stringify(wire((head, letters) => head + letters)));
  assert.equal(writeJson({ a: 'ü' }).toString(), '{"a":"ü"}');
});

test('what fails while it is written leaves nothing for the next request', () => {
  const broken = {
    a: plainText('', 'A'.repeat(70_000)),
    get b(): never {
      throw new Error('broken');
    },
  };

  assert.throws(() => writeJson(broken), /broken/);
  assert.equal(writeJson({ a: 1 }).toString(), '{"a":1}');
});

/** Requests that hold every kind of media, in both dialects. */
const whole: readonly (readonly [client: Dialect, provider: Dialect, request: unknown])[] = [
  [
    openaiChat,
    anthropicMessages,
    {
      model: 'x',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${png}`, detail: 'low' } },
            { type: 'image_url', image_url: { url: 'https://x.example/a' } },
            { type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${pdf}` } },
          ],
        },
      ],
    },
  ],
  [
    anthropicMessages,
    openaiChat,
    {
      model: 'x',
      max_tokens: 9,
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: {} }] },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'a',
              content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }],
            },
            { type: 'image', source: { type: 'url', url: 'https://x.example/a' } },
            {
              type: 'document',
              source: { type: 'base64', media_type: 'application/pdf', data: pdf },
              title: 't',
              context: 'c',
              citations: { enabled: true },
            },
            { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'a' } },
            { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'a' }] } },
            { type: 'search_result', source: 's', title: 't', content: [{ type: 'text', text: 'a' }] },
          ],
        },
      ],
    },
  ],
];

/** The same value with one of its inner values replaced. */
function* variations(value: unknown, others: readonly unknown[]): Generator<unknown> {
  yield* others;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    for (const varied of variations(inner, others)) {
      if (Array.isArray(value)) yield value.toSpliced(Number(key), 1, varied);
      else yield { ...value, [key]: varied };
    }
  }
}

for (const [client, provider, request] of whole) {
  test(`${client.name}: media with any wrong value are carried or refused by name, never worse`, () => {
    const others = [undefined, null, 0, -1, 1e300, true, '', 'x', 'data:', ';base64,', [], [[]], {}, [{}], '\ud800'];
    let refused = 0;
    for (const varied of variations(request, others)) {
      const body = Buffer.from(JSON.stringify(varied) ?? '');
      try {
        client.scanRequest(body);
        translateRequest(body, { client, provider, target });
      } catch (fault) {
        assert.ok(fault instanceof Fault, `${body.toString().slice(0, 300)}: ${fault}`);
        assert.notEqual(fault.code, 'internal');
        refused += 1;
      }
    }
    assert.ok(refused > 300, String(refused));
  });
}

const image = { type: 'media', kind: 'image', source: { type: 'url', url: 'https://x.example/a' }, path: 'p' } as const;
const content = fc.constantFrom({ type: 'text', text: 't' } as const, image);
/** Rounds of a call with media in its results, of something said, and of an answer. */
const round: fc.Arbitrary<readonly Turn[]> = fc.oneof(
  fc.array(content, { minLength: 1, maxLength: 3 }).map(blocks => [{ role: 'user' as const, blocks, path: 'p' }]),
  fc
    .tuple(fc.array(fc.array(content, { maxLength: 2 }), { minLength: 1, maxLength: 3 }), fc.nat(9_999))
    .map(([results, number]): readonly Turn[] => [
      {
        role: 'assistant',
        blocks: results.map((_, index) => ({
          type: 'call' as const,
          id: `c${number}_${index}`,
          name: 'f',
          argumentsText: '{}',
        })),
        path: 'p',
      },
      {
        role: 'user',
        blocks: results.map((blocks, index) => ({
          type: 'result' as const,
          callId: `c${number}_${index}`,
          blocks,
          isError: false,
        })),
        path: 'p',
      },
      { role: 'assistant', blocks: [{ type: 'text', text: 'seen' }], path: 'p' },
    ]),
);

test('a conversation with media that goes on begins as it did, so that its prompt stays cached', () => {
  const encode = (turns: readonly Turn[]) =>
    encodeTurns(turns, openaiChatProfile, new LossLedger()).map(message => JSON.stringify(message));
  fc.assert(
    fc.property(fc.array(round, { minLength: 1, maxLength: 5 }), round, (rounds, next) => {
      const before = encode(rounds.flat());

      assert.deepEqual(encode([...rounds.flat(), ...next]).slice(0, before.length), before);
    }),
  );
});

test('media never stand between a call and its results', () => {
  fc.assert(
    fc.property(fc.array(round, { maxLength: 5 }), rounds => {
      const messages = encodeTurns(rounds.flat(), openaiChatProfile, new LossLedger()) as {
        role: string;
        tool_calls?: unknown[];
      }[];
      let open = 0;
      for (const { role, tool_calls: calls } of messages) {
        if (role === 'tool') open -= 1;
        else assert.equal(open, 0);
        open += calls?.length ?? 0;
      }
      assert.equal(open, 0);
    }),
  );
});

const base64Of = (head: Buffer) =>
  fc.uint8Array({ maxLength: 20 }).map(rest => Buffer.concat([head, rest]).toString('base64'));
const chatPart = fc.oneof(
  fc.constant({ type: 'text', text: 'words' }),
  base64Of(Buffer.from('89504e470d0a1a0a', 'hex')).map(data => ({
    type: 'image_url',
    image_url: { url: `data:image/png;base64,${data}` },
  })),
  token.map(path => ({ type: 'image_url', image_url: { url: `https://x.example/${path}` } })),
  fc.tuple(token, base64Of(Buffer.from('%PDF-1.7'))).map(([name, data]) => ({
    type: 'file',
    file: { filename: `${name}.pdf`, file_data: `data:application/pdf;base64,${data}` },
  })),
);

test('media that both dialects have come back as they were, in their order', () => {
  const image = { type: 'image_url', image_url: { url: 'https://x.example/a' } };
  fc.assert(
    fc.property(fc.array(chatPart, { maxLength: 6 }), parts => {
      const chat = {
        model: 'target',
        messages: [{ role: 'user', content: [...parts, image] }],
        max_completion_tokens: 9,
      };

      const there = translateRequest(Buffer.from(JSON.stringify(chat)), {
        client: openaiChat,
        provider: anthropicMessages,
        target,
      });
      const back = translateRequest(there.body, { client: anthropicMessages, provider: openaiChat, target });

      assert.deepEqual(JSON.parse(back.body.toString()), chat);
      assert.deepEqual([there.losses, back.losses], [[], []]);
    }),
  );
});
