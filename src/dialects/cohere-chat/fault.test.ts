import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, type FaultCode, faults } from '../../completion/fault.ts';
import { decodeFault, encodeFault, encodeStreamFault } from './fault.ts';

const context = { exchangeId: 'ex_1' };

function read(status: number, body: unknown): Fault {
  return decodeFault({ status, headers: {}, body: Buffer.from(JSON.stringify(body)), nowMs: 0 });
}

test('every status of the API has its name', () => {
  const rows: readonly (readonly [number, string, FaultCode])[] = [
    [400, 'invalid request: list of documents must not be empty', 'upstream_invalid'],
    [
      400,
      'too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292.',
      'context_overflow',
    ],
    // No shorter prompt mends that.
    [400, 'too many tokens: max tokens must be less than or equal to 4096 - received 8192.', 'upstream_invalid'],
    [401, 'invalid api token', 'upstream_credential'],
    [402, 'please add or update your payment method', 'upstream_quota'],
    [403, 'forbidden', 'upstream_credential'],
    [404, "model 'x' not found", 'upstream_not_found'],
    [422, 'No valid tool call or response generated', 'upstream_invalid'],
    [429, 'You are past the per minute request limit, please wait and try again later.', 'upstream_rate_limited'],
    [498, 'invalid token', 'upstream_credential'],
    [499, 'request cancelled', 'upstream_error'],
    [500, 'internal server error', 'upstream_error'],
    [501, 'not implemented', 'upstream_error'],
    [503, 'service unavailable', 'upstream_overloaded'],
    [504, 'gateway timeout', 'upstream_first_byte_timeout'],
  ];
  for (const [status, message, code] of rows) assert.equal(read(status, { id: 'x', message }).code, code, message);
  assert.equal(read(400, { error_type: 'TOO_MANY_TOKENS', message: 'size limit exceeded' }).code, 'context_overflow');
});

test('every fault of the table has a whole body, with its own status', () => {
  for (const code of Object.keys(faults) as FaultCode[]) {
    const fault = new Fault(code);
    const { status, contentType, body } = encodeFault(fault, context);
    const { error_type, ...rest } = JSON.parse(body.toString());
    assert.deepEqual(Object.keys(rest), ['id', 'message']);
    assert.deepEqual([status, contentType, rest.id], [fault.status, 'application/json', 'ex_1']);
    assert.equal(error_type, fault.class === 'context' ? 'TOO_MANY_TOKENS' : undefined);
    assert.notEqual(rest.message, '');
  }
});

test('clients know an overflow by its words, with the numbers that the provider named', () => {
  const shown = (message: string) =>
    JSON.parse(encodeFault(new Fault('context_overflow', message), context).body.toString()).message;

  assert.equal(
    shown('prompt is too long: 10 tokens > 8 maximum'),
    'too many tokens: total number of tokens in the prompt cannot exceed 8 - received 10.',
  );
  assert.equal(shown('Too long.'), 'too many tokens: Too long.');
  assert.equal(shown('too many tokens: x'), 'too many tokens: x');
});

test('a stream fails by an end that says so, with the calls that came whole', () => {
  const salvage = [{ id: 'c', name: 'f', argumentsText: '{}', custom: false }];

  assert.equal(
    encodeStreamFault(new Fault('upstream_truncated'), { ...context, salvage }).toString(),
    'event: message-end\ndata: {"type":"message-end","delta":{"error":"The answer ended without its terminal event.",' +
      '"finish_reason":"ERROR","salvageable_tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}}\n\n',
  );
});
