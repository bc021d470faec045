import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, type FaultCode } from '../completion/fault.ts';
import * as messages from './anthropic-messages/scan.ts';
import type { RequestSplice } from './dialect.ts';
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
  assert.equal(scan.mediaParts, 2);
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
  assert.equal(scan.mediaParts, 2);
  assert.equal(scan.hasTools, false);
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
  for (const [given, expected] of [
    ['{"model":"x","max_tokens":10 }', '{"model":"m","max_tokens":5 }'],
    ['{"model":"x","max_tokens":3}', '{"model":"m","max_tokens":3}'],
    ['{"model":"x"}', '{"model":"m","max_tokens":5}'],
  ] as const) {
    const body = Buffer.from(given);
    assert.equal(messages.spliceRequest(body, messages.scanRequest(body), lowered).toString(), expected);
  }
});
