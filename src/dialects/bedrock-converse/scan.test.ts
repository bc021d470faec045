import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../completion/fault.ts';
import { noMedia } from '../media-bytes.ts';
import { hostedTools } from './hosted-tools.ts';
import { scanRequest, spliceRequest } from './scan.ts';

const named = { requestedModel: 'haiku', stream: true };

function scan(body: unknown) {
  return scanRequest(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), named);
}

function refusal(body: unknown): string {
  try {
    scan(body);
  } catch (fault) {
    assert.ok(fault instanceof Fault);
    return `${fault.code} ${fault.parameter ?? ''}`.trim();
  }
  return 'taken';
}

const messages = [{ role: 'user', content: [{ text: 'Hi' }] }];

test('the model and the stream are those of the path', () => {
  const { requestedModel, stream, modelAt, outputTokensMax, hasTools, media } = scan({ messages, model: 'other' });

  assert.deepEqual(
    { requestedModel, stream, modelAt, outputTokensMax, hasTools, media },
    {
      requestedModel: 'haiku',
      stream: true,
      modelAt: undefined,
      outputTokensMax: undefined,
      hasTools: false,
      media: noMedia,
    },
  );
});

test('of all limits that are named the largest counts, since models differ in which they obey', () => {
  for (const [body, limit] of [
    [{ inferenceConfig: { maxTokens: 10 } }, 10],
    [{ inferenceConfig: { maxTokens: 0 } }, 0],
    [{ inferenceConfig: { maxTokens: null } }, undefined],
    [{ inferenceConfig: null }, undefined],
    [{ inferenceConfig: { maxTokens: 10 }, additionalModelRequestFields: { max_tokens: 20 } }, 20],
    [{ additionalModelRequestFields: { max_gen_len: 30 } }, 30],
    [{ additionalModelRequestFields: { inferenceConfig: { max_new_tokens: 40 } } }, 40],
    [{ additionalModelRequestFields: { textGenerationConfig: { maxTokenCount: 50 } } }, 50],
    [{ additionalModelRequestFields: [1] }, undefined],
    ['{"inference\\u0043onfig":{"max\\u0054okens":60}}', 60],
    [{ inferenceConfig: { maxTokens: 1e300 } }, Number.MAX_SAFE_INTEGER],
  ] as const) {
    assert.equal(scan(body).outputTokensMax, limit, JSON.stringify(body));
  }
});

test('a limit that is none, or is said twice, is refused by its path', () => {
  for (const [body, told] of [
    [{ inferenceConfig: { maxTokens: -1 } }, 'parameter_invalid inferenceConfig.maxTokens'],
    [{ inferenceConfig: { maxTokens: 1.5 } }, 'parameter_invalid inferenceConfig.maxTokens'],
    [{ inferenceConfig: { maxTokens: '1' } }, 'parameter_invalid inferenceConfig.maxTokens'],
    [{ inferenceConfig: [] }, 'parameter_invalid inferenceConfig'],
    [{ toolConfig: 'x' }, 'parameter_invalid toolConfig'],
    [
      { additionalModelRequestFields: { max_tokens: 'x' } },
      'parameter_invalid additionalModelRequestFields.max_tokens',
    ],
    ['{"inferenceConfig":{"maxTokens":1,"maxTokens":9}}', 'json_duplicate_key inferenceConfig.maxTokens'],
    ['{"inferenceConfig":{},"inferenceConfig":{"maxTokens":9}}', 'json_duplicate_key inferenceConfig'],
    ['{"messages":[],"mess\\u0061ges":[]}', 'json_duplicate_key messages'],
    ['[]', 'json_malformed'],
    ['{"messages":', 'json_malformed'],
  ] as const) {
    assert.equal(refusal(body), told, JSON.stringify(body));
  }
});

test('a lower limit is set at every word, or where the dialect has it', () => {
  for (const [body, lowered] of [
    ['{}', '{"inferenceConfig":{"maxTokens":9}}'],
    ['{ "messages" : [] }', '{"inferenceConfig":{"maxTokens":9}, "messages" : [] }'],
    ['{"inferenceConfig":{}}', '{"inferenceConfig":{"maxTokens":9}}'],
    ['{"inferenceConfig":null}', '{"inferenceConfig":{"maxTokens":9}}'],
    ['{"inferenceConfig":{ "topP":1}}', '{"inferenceConfig":{"maxTokens":9, "topP":1}}'],
    ['{"inferenceConfig":{"maxTokens":null}}', '{"inferenceConfig":{"maxTokens":9}}'],
    ['{"inferenceConfig":{"maxTokens":5}}', '{"inferenceConfig":{"maxTokens":5}}'],
    [
      '{"inferenceConfig":{"maxTokens":50},"additionalModelRequestFields":{"max_tokens":5,"max_gen_len":70}}',
      '{"inferenceConfig":{"maxTokens":9},"additionalModelRequestFields":{"max_tokens":5,"max_gen_len":9}}',
    ],
  ] as const) {
    const bytes = Buffer.from(body);
    const spliced = spliceRequest(bytes, scanRequest(bytes, named), {
      targetModel: 'm',
      askUsage: true,
      outputTokensMax: 9,
    });
    assert.equal(spliced.toString(), lowered);
    assert.equal(scanRequest(spliced, named).outputTokensMax! <= 9, true);
  }
});

const image = { image: { format: 'png', source: { bytes: 'AAAA' } } };
const document = (format: string, source: object) => ({ document: { format, name: 'd', source } });

function mediaOf(...content: readonly object[]) {
  return scan({ messages: [{ role: 'user', content }] }).media;
}

test('media are counted where they are blocks', () => {
  assert.deepEqual(mediaOf(image, image), { ...noMedia, images: 2, bytesInBody: 8 });
  assert.deepEqual(mediaOf({ toolResult: { toolUseId: 'a', content: [image] } }), {
    ...noMedia,
    images: 1,
    bytesInBody: 4,
  });
  assert.deepEqual(mediaOf({ guardContent: image }), { ...noMedia, images: 1, bytesInBody: 4 });
  assert.deepEqual(mediaOf({ image: { format: 'png', source: { s3Location: { uri: 's3://a/b' } } } }), {
    ...noMedia,
    images: 1,
  });
  assert.deepEqual(mediaOf(document('pdf', { bytes: 'AAAAAAAA' })), {
    ...noMedia,
    documents: 1,
    documentBytes: 6,
    bytesInBody: 8,
  });
  assert.deepEqual(mediaOf({ audio: { format: 'mp3', source: { bytes: 'AAAA' } } }), {
    ...noMedia,
    audioBytes: 3,
    bytesInBody: 4,
  });
  assert.deepEqual(mediaOf({ audio: { format: 'mp3', source: {} } }), { ...noMedia, audioUnsized: 1 });
  assert.deepEqual(mediaOf({ video: { format: 'mp4', source: { bytes: 'AAAA' } } }), {
    ...noMedia,
    documentsUnsized: 1,
    bytesInBody: 4,
  });
});

test('no text passes for media: its bytes bound its tokens', () => {
  // The text of a file is shorter than its base64.
  for (const format of ['txt', 'md', 'csv', 'html']) {
    assert.deepEqual(mediaOf(document(format, { bytes: 'AAAA' })), noMedia, format);
  }
  assert.deepEqual(mediaOf({ document: { name: 'd', source: { text: 'long' } } }), noMedia);
  // An archive may be many times as long.
  assert.deepEqual(mediaOf(document('docx', { bytes: 'AAAA' })), { ...noMedia, documentsUnsized: 1 });
  // Arguments of a tool, and what stands outside of blocks, are text.
  assert.deepEqual(mediaOf({ toolUse: { toolUseId: 'a', name: 'f', input: image } }), noMedia);
  assert.deepEqual(mediaOf({ text: JSON.stringify(image) }), noMedia);
  assert.deepEqual(scan({ messages, image: image.image, toolConfig: { tools: [image] } }).media, noMedia);
  // What is said in two ways is counted in both.
  const twice = '{"messages":[{"content":[{"document":{"format":"pdf","format":"txt","source":{"bytes":"AAAA"}}}]}]}';
  assert.deepEqual(scan(twice).media, { ...noMedia, documentsUnsized: 1 });
  const both = '{"messages":[{"content":[{"document":{"format":"pdf","source":{"bytes":"AAAA","text":"long"}}}]}]}';
  assert.equal(scan(both).media.bytesInBody, 0);
});

test('names that are escaped are the names they are', () => {
  const body = '{"messages":[{"content":[{"im\\u0061ge":{"source":{"byt\\u0065s":"AAAA"}}}]}]}';
  assert.deepEqual(scan(body).media, { ...noMedia, images: 1, bytesInBody: 4 });
});

test('reasoning, tools and tiers are noted', () => {
  const thought = { reasoningContent: { reasoningText: { text: 'a', signature: 'b' } } };
  const found = scan({
    messages: [{ role: 'assistant', content: [thought, thought] }],
    toolConfig: { tools: [{ systemTool: { name: 'nova_grounding' } }, { toolSpec: { name: 'f' } }, null] },
    serviceTier: { type: 'flex' },
  });

  assert.deepEqual(
    [found.thinkingBlocks, found.hasTools, found.serviceTier, scan({ messages, toolConfig: { tools: [] } }).hasTools],
    [2, true, 'flex', false],
  );
  const body = Buffer.from(JSON.stringify({ toolConfig: { tools: [{ systemTool: { name: 'nova_grounding' } }] } }));
  assert.deepEqual(
    hostedTools(body, scanRequest(body, named)).map(({ meter }) => meter),
    ['tool.novaGrounding'],
  );
});

test('a name of a model over its bound is refused', () => {
  assert.throws(
    () => scanRequest(Buffer.from('{}'), { requestedModel: 'a'.repeat(257), stream: false }),
    (fault: unknown) => fault instanceof Fault && fault.parameter === 'modelId',
  );
});
