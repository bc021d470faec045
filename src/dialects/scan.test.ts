import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, type FaultCode } from '../completion/fault.ts';
import * as messages from './anthropic-messages/scan.ts';
import * as cohere from './cohere-chat/scan.ts';
import type { RequestSplice } from './dialect.ts';
import type { MediaCounts } from './media-bytes.ts';
import * as chat from './openai-chat/scan.ts';

const nothing: RequestSplice = { targetModel: 'm', askUsage: false, outputTokensMax: undefined };

function codeOf(run: () => unknown): FaultCode {
  try {
    run();
  } catch (fault) {
    assert.ok(fault instanceof Fault, String(fault));
    return fault.code;
  }
  assert.fail('no fault');
}

test('a chat request is read in one pass', () => {
  const body = Buffer.from(
    '{"stream":true, "mod\\u0065l":"acme\\/x","n":2,"max_tokens": 7.0,"tools":[{}],"service_tier":"flex",' +
      '"messages":[{"content":[{"type":"image_url"},{"ty\\u0070e":"file"},{"type":"text"}]}],"metadata":{"type":"file"}}',
  );

  const scan = chat.scanRequest(body);

  assert.equal(scan.requestedModel, 'acme/x');
  assert.equal(scan.stream, true);
  assert.equal(scan.streamUsage, false);
  assert.equal(scan.answers, 2);
  assert.equal(scan.outputTokensMax, 7);
  assert.equal(scan.media.images, 1);
  assert.equal(scan.media.documentsUnsized, 1);
  assert.equal(scan.hasTools, true);
  assert.equal(scan.serviceTier, 'flex');
  assert.equal(body.toString('utf8', scan.modelAt!.start, scan.modelAt!.end), '"acme\\/x"');
});

test('a messages request is read in one pass', () => {
  const body = Buffer.from(
    '{"model":"claude","max_tokens":9007199254740993,"messages":[{"content":[{"type":"tool_result","content":' +
      '[{"type":"image"}]},{"type":"document"}]}],"tools":[ ],"system":[{"type":"image"}]}',
  );

  const scan = messages.scanRequest(body);

  assert.equal(scan.requestedModel, 'claude');
  assert.equal(scan.stream, false);
  assert.equal(scan.streamUsage, true);
  assert.equal(scan.outputTokensMax, 9007199254740991);
  assert.equal(scan.media.images, 1);
  assert.equal(scan.media.documentsUnsized, 1);
  assert.equal(scan.hasTools, false);
});

const media: readonly (readonly [
  what: string,
  dialect: typeof chat | typeof messages,
  part: string,
  mediaBytes: number,
])[] = [
  ['an image', chat, '{"type":"image_url","image_url":{"detail":"low","url":"data:image/png;base64,AAAA"}}', 26],
  ['an image given before its type', chat, '{"image_url":{"url":"data:image/png;base64,AAAA"},"type":"image_url"}', 26],
  ['an image as a bare string', chat, '{"type":"input_image","image_url":"data:image/png;base64,AAAA"}', 26],
  [
    'escapes, as many bytes as they take',
    chat,
    '{"type":"image_url","image_url":{"url":"data:image\\/png;base64,AAAA"}}',
    27,
  ],
  ['audio', chat, '{"type":"input_audio","input_audio":{"data":"AAAAAAAA","format":"wav"}}', 8],
  ['a PDF', chat, '{"type":"file","file":{"filename":"a","file_data":"data:application/pdf;base64,AAAA"}}', 32],
  [
    'a text as a file, which its bytes bound',
    chat,
    '{"type":"file","file":{"file_data":"data:text/plain;base64,AAAA"}}',
    0,
  ],
  [
    'an image by address',
    chat,
    '{"type":"image_url","image_url":{"url":"https://a.example/data:image/png;base64,"}}',
    0,
  ],
  [
    'a text with the fields of an image',
    chat,
    '{"type":"text","text":"x","image_url":{"url":"data:image/png;base64,AAAA"}}',
    0,
  ],
  [
    'an image in base64',
    messages,
    '{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}',
    4,
  ],
  [
    'an image in the result of a tool',
    messages,
    '{"type":"tool_result","content":[{"type":"image","source":{"type":"base64","data":"AAAA"}}]}',
    4,
  ],
  [
    'an image in a document, beside none of its own',
    messages,
    '{"type":"document","source":{"type":"content","content":[{"type":"image","source":{"data":"AAAA","type":"base64"}}]}}',
    4,
  ],
  [
    'a document of plain text',
    messages,
    '{"type":"document","source":{"type":"text","media_type":"text/plain","data":"AAAA"}}',
    0,
  ],
  ['a source of two types', messages, '{"type":"document","source":{"type":"base64","type":"text","data":"AAAA"}}', 0],
  ['data that is no string', messages, '{"type":"image","source":{"type":"base64","data":[{"data":"AAAA"}]}}', 0],
  ['a source that is no object', messages, '{"type":"image","source":[["AAAA"],null,7]}', 0],
];

for (const [what, dialect, part, mediaBytes] of media) {
  test(`${dialect === chat ? 'chat' : 'messages'}: the data of media are counted apart from text: ${what}`, () => {
    const body = `{"messages":[{"role":"user","content":[{"type":"text","text":"x"},${part},{"type":"text","text":"y"}]}],"model":"m"}`;

    assert.equal(dialect.scanRequest(Buffer.from(body)).media.bytesInBody, mediaBytes);
  });
}

const counted: readonly (readonly [
  what: string,
  dialect: typeof chat | typeof messages,
  part: string,
  counts: Partial<MediaCounts>,
])[] = [
  ['an image', chat, '{"type":"image_url","image_url":{"url":"https://x"}}', { images: 1 }],
  [
    'a PDF sent as an image counts as both',
    chat,
    '{"type":"image_url","image_url":{"url":"data:application/pdf;base64,AAAA"}}',
    { images: 1, documents: 1, documentBytes: 24 },
  ],
  [
    'a PDF',
    chat,
    '{"type":"file","file":{"file_data":"data:application/pdf;base64,AAAA"}}',
    { documents: 1, documentBytes: 24 },
  ],
  [
    'a file in bare base64',
    chat,
    '{"type":"file","file":{"filename":"a.pdf","file_data":"AAAAAAAA"}}',
    { documents: 1, documentBytes: 6 },
  ],
  ['a file by its id', chat, '{"type":"file","file":{"file_id":"f"}}', { documentsUnsized: 1 }],
  [
    'a file by its id and its data',
    chat,
    '{"type":"file","file":{"file_id":"f","file_data":"data:application/pdf;base64,AAAA"}}',
    { documentsUnsized: 1 },
  ],
  ['a text as a file', chat, '{"type":"file","file":{"file_data":"data:text/plain;base64,AAAA"}}', {}],
  ['a document of another host', chat, '{"type":"document_url","document_url":"https://x"}', { documentsUnsized: 1 }],
  ['a video', chat, '{"type":"video_url","video_url":{"url":"https://x"}}', { documentsUnsized: 1 }],
  ['audio', chat, '{"type":"input_audio","input_audio":{"data":"AAAAAAAA","format":"wav"}}', { audioBytes: 6 }],
  ['audio by address', chat, '{"type":"audio_url","audio_url":{"url":"https://x"}}', { audioUnsized: 1 }],
  ['a part of two types', chat, '{"type":"file","type":"image_url"}', { images: 1, documentsUnsized: 1 }],
  ['a document without a source', messages, '{"type":"document"}', { documentsUnsized: 1 }],
  [
    'a document in base64',
    messages,
    '{"type":"document","source":{"type":"base64","data":"AAAA"}}',
    { documents: 1, documentBytes: 3 },
  ],
  ['a document by address', messages, '{"type":"document","source":{"type":"url","url":"u"}}', { documentsUnsized: 1 }],
  ['a document by id', messages, '{"type":"document","source":{"type":"file","file_id":"f"}}', { documentsUnsized: 1 }],
  ['a document of plain text is text', messages, '{"type":"document","source":{"type":"text","data":"AAAA"}}', {}],
  [
    'a document of blocks is text, but for its images',
    messages,
    '{"type":"document","source":{"type":"content","content":[{"type":"text","text":"a"},{"type":"image","source":{}}]}}',
    { images: 1 },
  ],
  [
    'a document that says it is text and not',
    messages,
    '{"type":"document","source":{"type":"base64","type":"text","data":"AAAA"}}',
    { documentsUnsized: 1 },
  ],
  [
    'a document in the result of a tool',
    messages,
    '{"type":"tool_result","content":[{"type":"document","source":{"type":"base64","data":"AAAA"}}]}',
    { documents: 1, documentBytes: 3 },
  ],
  ['a search result is text', messages, '{"type":"search_result","content":[{"type":"text","text":"a"}]}', {}],
  ['a file for a container', messages, '{"type":"container_upload","file_id":"f"}', { documentsUnsized: 1 }],
];

for (const [what, dialect, part, counts] of counted) {
  test(`${dialect === chat ? 'chat' : 'messages'}: media are counted for holds: ${what}`, () => {
    const body = `{"messages":[{"role":"user","content":[${part}]}],"model":"m"}`;

    const { bytesInBody: _, ...found } = dialect.scanRequest(Buffer.from(body)).media;

    const none = { images: 0, documents: 0, documentBytes: 0, documentsUnsized: 0, audioBytes: 0, audioUnsized: 0 };
    assert.deepEqual(found, { ...none, ...counts });
  });
}

test('what follows large media is read as it is', () => {
  const data = 'A'.repeat(3_000_001);
  const body = Buffer.from(
    `{"messages":[{"content":[{"type":"image","source":{"type":"base64","data":"${data}"}}]}],"model":"m","max_tokens":7}`,
  );

  const scan = messages.scanRequest(body);

  assert.deepEqual([scan.media.images, scan.media.bytesInBody, scan.outputTokensMax], [1, 3_000_001, 7]);
});

test('a Cohere request is read in one pass: documents are text, images are not', () => {
  const body = Buffer.from(
    '{"stream":true,"model":"command","max_tokens":7,"tools":[{}],"documents":[{"type":"image_url"}],"messages":[{"content":' +
      '[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"document","document":{"data":{}}}]}]}',
  );

  const scan = cohere.scanRequest(body);

  assert.deepEqual([scan.requestedModel, scan.stream, scan.streamUsage, scan.hasTools], ['command', true, true, true]);
  assert.deepEqual([scan.outputTokensMax, scan.media.images, scan.media.documentsUnsized], [7, 1, 0]);
  assert.equal(
    cohere.spliceRequest(body, scan, { ...nothing, outputTokensMax: 5 }).toString('utf8', 0, 46),
    '{"stream":true,"model":"m","max_tokens":5,"too',
  );
});

test('a body that cannot be used is refused by name', () => {
  const refused: [string | Buffer, FaultCode][] = [
    ['', 'json_malformed'],
    ['[]', 'json_malformed'],
    ['"x"', 'json_malformed'],
    ['\ufeff{"model":"x"}', 'json_malformed'],
    ['{"model":"x",}', 'json_malformed'],
    ['{"model":"x"} x', 'json_malformed'],
    ['{"model":"x","a":01}', 'json_malformed'],
    ['{"model":"x","a":"\n"}', 'json_malformed'],
    ['{"model":"x\0"}', 'json_nul'],
    [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'utf8_invalid'],
    ['{"model":"x","model":"x"}', 'json_duplicate_key'],
    ['{"model":"x","mode\\u006c":"y"}', 'json_duplicate_key'],
    ['{"model":"x","stream":true,"stream":false}', 'json_duplicate_key'],
    ['{"model":"x","max_tokens":1,"max_tokens":2}', 'json_duplicate_key'],
    [`{"model":"x","a":${'['.repeat(128)}${']'.repeat(128)}}`, 'json_too_deep'],
    ['{}', 'parameter_missing'],
    ['{"model":null}', 'parameter_missing'],
    ['{"model":""}', 'parameter_missing'],
    ['{"model":7}', 'parameter_invalid'],
    [`{"model":"${'x'.repeat(257)}"}`, 'parameter_invalid'],
    ['{"model":"x","stream":"true"}', 'parameter_invalid'],
    ['{"model":"x","max_tokens":"5"}', 'parameter_invalid'],
    ['{"model":"x","max_tokens":-1}', 'parameter_invalid'],
    ['{"model":"x","max_tokens":1.5}', 'parameter_invalid'],
  ];

  for (const [text, code] of refused) {
    const body = Buffer.isBuffer(text) ? text : Buffer.from(text);
    assert.equal(
      codeOf(() => chat.scanRequest(body)),
      code,
      String(text),
    );
    assert.equal(
      codeOf(() => messages.scanRequest(body)),
      code,
      String(text),
    );
    assert.equal(
      codeOf(() => cohere.scanRequest(body)),
      code,
      String(text),
    );
  }
  for (const [text, code] of [
    ['{"model":"x","stream_options":true}', 'parameter_invalid'],
    ['{"model":"x","stream_options":{"include_usage":1}}', 'parameter_invalid'],
    ['{"model":"x","stream_options":{"include_usage":true,"include_usage":false}}', 'json_duplicate_key'],
    ['{"model":"x","n":0}', 'parameter_invalid'],
    ['{"model":"x","n":"2"}', 'parameter_invalid'],
  ] as const) {
    assert.equal(
      codeOf(() => chat.scanRequest(Buffer.from(text))),
      code,
      text,
    );
  }
});

test('an escaped NUL in a text is legal JSON and stays', () => {
  assert.equal(chat.scanRequest(Buffer.from('{"model":"x","messages":"\\u0000"}')).requestedModel, 'x');
});

test('usage is asked for by the smallest edit', () => {
  const cases: [string, string][] = [
    ['{ "model" : "x" , "stream":true}', '{ "model" : "m","stream_options":{"include_usage":true} , "stream":true}'],
    [
      '{"stream_options": null,"model":"x","stream":true}',
      '{"stream_options": {"include_usage":true},"model":"m","stream":true}',
    ],
    [
      '{"stream_options": { },"model":"x","stream":true}',
      '{"stream_options": {"include_usage":true },"model":"m","stream":true}',
    ],
    [
      '{"stream_options":{"include_obfuscation":false},"model":"x","stream":true}',
      '{"stream_options":{"include_usage":true,"include_obfuscation":false},"model":"m","stream":true}',
    ],
    [
      '{"stream_options":{"include_usage" : false},"model":"x","stream":true}',
      '{"stream_options":{"include_usage" : true},"model":"m","stream":true}',
    ],
    [
      '{"stream_options":{"include_us\\u0061ge":null},"model":"x","stream":true}',
      '{"stream_options":{"include_us\\u0061ge":true},"model":"m","stream":true}',
    ],
    [
      '{"stream_options":{"include_usage":true},"model":"x","stream":true}',
      '{"stream_options":{"include_usage":true},"model":"m","stream":true}',
    ],
    ['{"model":"x","stream":false}', '{"model":"m","stream":false}'],
  ];

  for (const [given, expected] of cases) {
    const body = Buffer.from(given);
    const spliced = chat.spliceRequest(body, chat.scanRequest(body), { ...nothing, askUsage: true });
    assert.equal(spliced.toString(), expected);
  }
});

test('an output limit is lowered where it stands, or set beside the model', () => {
  const lowered = { ...nothing, outputTokensMax: 5 };
  for (const [given, expected] of [
    ['{"model":"x","max_tokens":10 }', '{"model":"m","max_tokens":5 }'],
    ['{"max_completion_tokens":1e1,"model":"x"}', '{"max_completion_tokens":5,"model":"m"}'],
    [
      '{"model":"x","max_tokens":10,"max_completion_tokens":4}',
      '{"model":"m","max_tokens":5,"max_completion_tokens":4}',
    ],
    ['{"model":"x","max_tokens":null}', '{"model":"m","max_tokens":5}'],
    ['{"model":"x"}', '{"model":"m","max_completion_tokens":5}'],
    ['{"model":"x","max_tokens":4}', '{"model":"m","max_tokens":4}'],
  ] as const) {
    const body = Buffer.from(given);
    assert.equal(chat.spliceRequest(body, chat.scanRequest(body), lowered).toString(), expected);
  }
  const other = { ...lowered, outputLimitField: 'max_tokens' as const };
  for (const [given, expected] of [
    ['{"model":"x"}', '{"model":"m","max_tokens":5}'],
    ['{"model":"x","max_completion_tokens":10}', '{"model":"m","max_completion_tokens":5}'],
  ] as const) {
    const body = Buffer.from(given);
    assert.equal(chat.spliceRequest(body, chat.scanRequest(body), other).toString(), expected);
  }
  for (const [given, expected] of [
    ['{"model":"x","max_tokens":10 }', '{"model":"m","max_tokens":5 }'],
    ['{"model":"x","max_tokens":3}', '{"model":"m","max_tokens":3}'],
    ['{"model":"x"}', '{"model":"m","max_tokens":5}'],
  ] as const) {
    const body = Buffer.from(given);
    assert.equal(messages.spliceRequest(body, messages.scanRequest(body), lowered).toString(), expected);
  }
});
