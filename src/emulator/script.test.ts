import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseScript, parseScripts, ScriptError, writeHeaderValue } from './script.ts';

test('a whole script is read into its parts', () => {
  const script = parseScript('model=gpt-5; status=429; code=tokens; retry-after=2; ttfb=250ms; pace=1s; chunks=byte');

  assert.deepEqual(script.when, { model: 'gpt-5', nth: undefined, times: undefined, id: undefined });
  assert.deepEqual(script.failure, { status: 429, code: 'tokens', message: undefined, form: 'json' });
  assert.deepEqual(script.headers, [{ name: 'retry-after', value: '2' }]);
  assert.equal(script.ttfbMs, 250);
  assert.equal(script.paceMs, 1_000);
  assert.equal(script.chunks, 1);
});

test('every break-off is read with its place', () => {
  assert.deepEqual(parseScript('cut-after=0').breakOff, { kind: 'cut', after: 0, errorType: undefined });
  assert.deepEqual(parseScript('error-after=3;error-type=api_error').breakOff, {
    kind: 'error',
    after: 3,
    errorType: 'api_error',
  });
});

test('an instant in a header is written relative to now', () => {
  const [date, moment, literal] = parseScript(
    'retry-after=http-date(+30s);anthropic-ratelimit-requests-reset=rfc3339(-1500ms);header.x-odd=-1',
  ).headers;

  assert.equal(writeHeaderValue(date!.value, 0), 'Thu, 01 Jan 1970 00:00:30 GMT');
  assert.equal(writeHeaderValue(moment!.value, 1_500), '1970-01-01T00:00:00.000Z');
  assert.equal(writeHeaderValue(literal!.value, 0), '-1');
});

test('a bar separates scripts', () => {
  const scripts = parseScripts('model=a;status=500|model=b;reset');

  assert.deepEqual(
    scripts.map(script => [script.when.model, script.failure?.status, script.connection]),
    [
      ['a', 500, undefined],
      ['b', undefined, 'reset'],
    ],
  );
});

const refused: readonly (readonly [string, RegExp])[] = [
  ['status', /status needs a whole number/],
  ['status=200', /from 400/],
  ['status=600', /from 400 to 599/],
  ['status=429;status=500', /given twice/],
  ['sttus=429', /unknown key "sttus"/],
  ['refuse', /control API/],
  ['reset=1', /takes no value/],
  ['reset;hang', /exclude each other/],
  ['code=x', /need a status/],
  ['cut-after=1;hang-after=2', /only once/],
  ['error-type=x', /needs error-after/],
  ['pace=5', /needs a duration/],
  ['ttfb=601s', /at most 600000 ms/],
  ['chunks=0', /chunks is from 1/],
  ['chunks=odd', /chunks is byte, event, whole/],
  ['tokens=-1', /whole number/],
  ['body=67108865', /body is at most 67108864/],
  ['tokens=16777217', /tokens is at most 16777216/],
  ['usage=some', /only be none/],
  ['model=', /needs a value/],
  ['header.Bad Name=1', /not a header name/],
  ['retry-after=caf\u00e9', /no header can carry/],
];

for (const [text, message] of refused) {
  test(`the script ${JSON.stringify(text)} is refused`, () => {
    assert.throws(() => parseScript(text), { name: 'ScriptError', message });
  });
}

test('a script over its bound is refused', () => {
  assert.throws(() => parseScripts(`message=${'x'.repeat(9_000)}`), ScriptError);
});
