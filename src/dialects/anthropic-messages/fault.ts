import type { Fault, FaultClass, FaultCode } from '../../completion/fault.ts';
import type { CompleteCall } from '../answer-so-far.ts';
import { overflowNumbers } from '../context-overflow.ts';
import type { FaultAnswer, FaultContext, FaultResponse } from '../dialect.ts';
import { parseBounded } from '../exact-json.ts';
import { readInnerFault, readProviderFault, shownMessage } from '../provider-fault.ts';

export function decodeFault(response: FaultResponse): Fault {
  return readProviderFault(response);
}

/** An error event of a stream, or an error as the body of a 200. */
export function decodeStreamFault(body: unknown): Fault {
  return readInnerFault(body);
}

export function encodeFault(fault: Fault, context: FaultContext): FaultAnswer {
  return {
    status: statuses[fault.code] ?? fault.status,
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify(errorBody(fault, context))),
  };
}

/** A terminal event; no message_stop follows. */
export function encodeStreamFault(fault: Fault, context: FaultContext): Buffer {
  return Buffer.from(`event: error\ndata: ${JSON.stringify(errorBody(fault, context))}\n\n`);
}

function errorBody(fault: Fault, context: FaultContext): unknown {
  return {
    type: 'error',
    error: {
      type: types[fault.class],
      message: messageOf(fault),
      ...detailsOf(fault),
      // Not of the API: docs/guides/failover.md.
      salvageable_tool_calls: context.salvage?.map(salvagedCall),
    },
    request_id: context.exchangeId,
  };
}

function salvagedCall({ id, name, argumentsText }: CompleteCall): unknown {
  return { type: 'tool_use', id, name, input: parseBounded(argumentsText) };
}

/** A conversation that a provider holds is not at another one. Clients that are told so in these words send all of it
 *  again, without a thread (@anthropic-ai/sdk 1.11, ThreadUnsupportedRequestErrorDetails, 2026-11). */
function detailsOf(fault: Fault): { readonly details?: unknown } {
  if (fault.code !== 'translation_unsupported' || fault.parameter !== 'thread') return {};
  return { details: { error_code: 'thread_unsupported_request' } };
}

/** Clients know an overflow by its words only, `prompt is too long: N tokens > M maximum`, and compact when they see
 *  them; numbers are given where the provider gave them. */
function messageOf(fault: Fault): string {
  const message = shownMessage(fault);
  if (fault.class !== 'context' || /prompt is too long: \d+ tokens > \d+ maximum/.test(message)) return message;
  const numbers = overflowNumbers(message);
  if (numbers !== undefined) {
    return `prompt is too long: ${numbers.askedTokens} tokens > ${numbers.limitTokens} maximum`;
  }
  return message.startsWith('prompt is too long') ? message : `prompt is too long: ${message}`;
}

/** `error.type`, https://platform.claude.com/docs/en/api/errors (2026-11). */
const types = {
  invalid: 'invalid_request_error',
  context: 'invalid_request_error',
  authentication: 'authentication_error',
  permission: 'permission_error',
  not_found: 'not_found_error',
  too_large: 'request_too_large',
  rate: 'rate_limit_error',
  quota: 'billing_error',
  overloaded: 'overloaded_error',
  timeout: 'timeout_error',
  upstream: 'api_error',
  internal: 'api_error',
} as const satisfies Record<FaultClass, string>;

/** 529 says that those who answer are overloaded. What ails this process itself stays 503. */
const statuses: Partial<Record<FaultCode, number>> = {
  no_healthy_deployment: 529,
  deployment_saturated: 529,
  upstream_overloaded: 529,
  upstream_quota: 529,
};
