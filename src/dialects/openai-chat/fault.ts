import type { Fault, FaultClass, FaultCode } from '../../completion/fault.ts';
import type { CompleteCall } from '../answer-so-far.ts';
import { overflowNumbers } from '../context-overflow.ts';
import type { FaultAnswer, FaultContext, FaultResponse } from '../dialect.ts';
import { readInnerFault, readProviderFault, shownMessage } from '../provider-fault.ts';

export function decodeFault(response: FaultResponse): Fault {
  return readProviderFault(response);
}

/** An error event of a stream, or an error as the body of a 200. */
export function decodeStreamFault(body: unknown): Fault {
  return readInnerFault(body);
}

export function encodeFault(fault: Fault, _context: FaultContext): FaultAnswer {
  return {
    status: statusOf(fault),
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify(errorBody(fault))),
  };
}

/** Clients raise on a chunk with `error`; no [DONE] follows, since the answer has no end. */
export function encodeStreamFault(fault: Fault, { salvage }: FaultContext): Buffer {
  return Buffer.from(`data: ${JSON.stringify(errorBody(fault, salvage))}\n\n`);
}

function errorBody(fault: Fault, salvage?: readonly CompleteCall[]): unknown {
  // Not of the API: docs/guides/failover.md.
  return { error: { ...errorOf(fault), salvageable_tool_calls: salvage?.map(salvagedCall) } };
}

export interface WireError {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}

/** In the words of the maker's APIs, of which all have the same. */
export function errorOf(fault: Fault): WireError {
  return {
    message: messageOf(fault),
    type: types[fault.class],
    param: fault.parameter ?? null,
    code: codes[fault.code] ?? classCodes[fault.class] ?? null,
  };
}

function salvagedCall({ id, name, argumentsText, custom }: CompleteCall): unknown {
  return custom
    ? { id, type: 'custom', custom: { name, input: argumentsText } }
    : { id, type: 'function', function: { name, arguments: argumentsText } };
}

/** Clients know an overflow by its code; older ones by the words that the API used to say it in. */
function messageOf(fault: Fault): string {
  const message = shownMessage(fault);
  if (fault.class !== 'context' || /maximum context length|context window/i.test(message)) return message;
  const numbers = overflowNumbers(message);
  if (numbers === undefined) return `This model's maximum context length is exceeded: ${message}`;
  const { askedTokens, limitTokens } = numbers;
  return `This model's maximum context length is ${limitTokens} tokens. However, your messages resulted in ${askedTokens} tokens.`;
}

/** A spent budget is 429 here: clients know `insufficient_quota` by it and do not retry. */
function statusOf(fault: Fault): number {
  return fault.class === 'quota' ? 429 : fault.status;
}

/** `error.type`, https://developers.openai.com/api/docs/guides/error-codes (2026-11). */
const types = {
  invalid: 'invalid_request_error',
  context: 'invalid_request_error',
  authentication: 'invalid_request_error',
  permission: 'invalid_request_error',
  not_found: 'invalid_request_error',
  too_large: 'invalid_request_error',
  rate: 'requests',
  quota: 'insufficient_quota',
  overloaded: 'server_error',
  timeout: 'server_error',
  upstream: 'server_error',
  internal: 'server_error',
} as const satisfies Record<FaultClass, string>;

/** `error.code` where the API has a word for exactly this. */
const codes: Partial<Record<FaultCode, string>> = {
  model_not_found: 'model_not_found',
  model_ambiguous: 'model_ambiguous',
  upstream_not_found: 'model_not_found',
  parameter_missing: 'missing_required_parameter',
  parameter_invalid: 'invalid_value',
  translation_unsupported: 'unsupported_parameter',
  content_filtered: 'content_filter',
};

/** Otherwise the word of the class; null where the API has none. */
const classCodes: Partial<Record<FaultClass, string>> = {
  context: 'context_length_exceeded',
  authentication: 'invalid_api_key',
  rate: 'rate_limit_exceeded',
  quota: 'insufficient_quota',
};
