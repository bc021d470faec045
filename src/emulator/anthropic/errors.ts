import { Refusal } from '../answer.ts';
import type { ScriptFailure } from '../script.ts';

// Shapes and types: Anthropic's published error reference and the types of its SDK (docs.claude.com/en/api/errors,
// @anthropic-ai/sdk 1.11, 2026-11). Texts that clients match are kept; others say the same in other words.

export function anthropicErrorBody(refusal: Refusal, requestId: string): Buffer {
  const details = refusal.code === null ? {} : { details: { error_code: refusal.code } };
  const error = { type: refusal.type, message: refusal.message, ...details };
  return Buffer.from(JSON.stringify({ type: 'error', error, request_id: requestId }));
}

/** An error inside a 200: the last event of a stream, or the whole body. */
export function anthropicErrorEvent(errorType: string | undefined, streamed: boolean, requestId: string): Buffer {
  const type = errorType ?? 'overloaded_error';
  const message = byType[type] ?? 'Internal server error';
  const text = JSON.stringify({ type: 'error', error: { type, message }, request_id: requestId });
  return Buffer.from(streamed ? `event: error\ndata: ${text}\n\n` : text);
}

const byType: Readonly<Record<string, string>> = {
  invalid_request_error: 'messages: at least one message is required',
  authentication_error: 'invalid x-api-key',
  billing_error: 'There is an issue with your billing or payment details.',
  permission_error: 'Your API key does not have permission to use the specified resource.',
  not_found_error: 'model: emulated',
  conflict_error: 'The resource was changed by another request.',
  request_too_large: 'Request exceeds the maximum size',
  rate_limit_error: 'This request would exceed the rate limit of your organization.',
  api_error: 'Internal server error',
  timeout_error: 'The request timed out.',
  overloaded_error: 'Overloaded',
};

const typeByStatus: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  502: 'api_error',
  503: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

/** Conditions that share `invalid_request_error` and are told apart by their text alone. */
const byCode: Readonly<Record<string, string>> = {
  context_length_exceeded: 'prompt is too long: 208310 tokens > 200000 maximum',
  credit_balance: 'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.',
};

/** The body that the provider documents for a status; `code` is one of its types, or a condition named above. */
export function anthropicFailure(failure: ScriptFailure): Refusal {
  const usual = typeByStatus[failure.status] ?? (failure.status < 500 ? 'invalid_request_error' : 'api_error');
  const condition = failure.code === undefined ? undefined : byCode[failure.code];
  const type = failure.code === undefined || condition !== undefined ? usual : failure.code;
  const message = failure.message ?? condition ?? byType[type] ?? `The request failed with status ${failure.status}.`;
  return new Refusal(failure.status, type, message);
}
