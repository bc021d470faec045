import type { Fault, FaultClass, FaultCode } from '../../completion/fault.ts';
import type { CompleteCall } from '../answer-so-far.ts';
import { overflowNumbers } from '../context-overflow.ts';
import type { FaultAnswer, FaultContext, FaultResponse } from '../dialect.ts';
import { parseBounded } from '../exact-json.ts';
import { readInnerFault, readProviderFault, shownMessage } from '../provider-fault.ts';
import { framed } from './stream-frame.ts';

export function decodeFault(response: FaultResponse): Fault {
  return readProviderFault(response);
}

/** An error in the place of a chunk, or as the body of a 200. */
export function decodeStreamFault(body: unknown): Fault {
  return readInnerFault(body);
}

/** Errors of a stream in the form of a list are a list of one. */
export function encodeFault(fault: Fault, context: FaultContext): FaultAnswer {
  const status = statusOf(fault);
  const json = JSON.stringify(errorBody(fault, status));
  return {
    status,
    contentType: 'application/json; charset=UTF-8',
    body: Buffer.from(context.streamForm === 'list' ? `[${json}]` : json),
  };
}

/** Clients raise on a chunk with `error`. In a list something stands before it: nothing else would have begun one. */
export function encodeStreamFault(fault: Fault, { streamForm, salvage }: FaultContext): Buffer {
  const json = JSON.stringify(errorBody(fault, statusOf(fault), salvage));
  return Buffer.from(framed(json, { form: streamForm, isFirst: false, isLast: true }));
}

function errorBody(fault: Fault, code: number, salvage?: readonly CompleteCall[]): unknown {
  const details = detailsOf(fault);
  return {
    error: {
      code,
      message: messageOf(fault),
      status: wordOf(fault),
      details: details.length === 0 ? undefined : details,
      // Not of the API: docs/guides/failover.md.
      salvageableToolCalls: salvage?.map(salvagedCall),
    },
  };
}

function salvagedCall({ id, name, argumentsText, custom }: CompleteCall): unknown {
  return { functionCall: { id, name, args: custom ? { input: argumentsText } : parseBounded(argumentsText) } };
}

/** A wrong key is 400 here and a key that is missing 401 (https://ai.google.dev/gemini-api/docs/troubleshooting, 2026-11). */
function statusOf(fault: Fault): number {
  if (fault.class === 'authentication' && fault.code !== 'key_missing') return 400;
  return fault.status;
}

/** https://ai.google.dev/gemini-api/docs/troubleshooting (2026-11). */
function wordOf(fault: Fault): string {
  return fault.code === 'key_missing' ? 'UNAUTHENTICATED' : words[fault.class];
}

/** https://cloud.google.com/apis/design/errors#error_details (2026-11). */
function detailsOf(fault: Fault): readonly unknown[] {
  const details: unknown[] = [];
  const reason = reasons[fault.code] ?? classReasons[fault.class];
  if (reason !== undefined) details.push({ '@type': `${types}ErrorInfo`, reason, domain: 'googleapis.com' });
  if (fault.parameter !== undefined) {
    const violation = { field: fault.parameter, description: shownMessage(fault) };
    details.push({ '@type': `${types}BadRequest`, fieldViolations: [violation] });
  }
  if (fault.retryAfterMs !== undefined) {
    details.push({ '@type': `${types}RetryInfo`, retryDelay: `${Math.ceil(fault.retryAfterMs) / 1000}s` });
  }
  return details;
}

const types = 'type.googleapis.com/google.rpc.';
const reasons: Partial<Record<FaultCode, string>> = { key_missing: 'CREDENTIALS_MISSING' };
const classReasons: Partial<Record<FaultClass, string>> = { authentication: 'API_KEY_INVALID' };

/** Clients know an overflow by its words, and compact when they see them. */
function messageOf(fault: Fault): string {
  const message = shownMessage(fault);
  // The words by which clients know that a key is wrong, whatever is wrong with it.
  if (fault.class === 'authentication' && fault.code !== 'key_missing') return `API key not valid. ${message}`;
  if (fault.class !== 'context' || /input token count/i.test(message)) return message;
  const numbers = overflowNumbers(message);
  if (numbers === undefined) return `The input token count exceeds the maximum number of tokens allowed. ${message}`;
  const { askedTokens, limitTokens } = numbers;
  return `The input token count (${askedTokens}) exceeds the maximum number of tokens allowed (${limitTokens}).`;
}

/** `error.status` of each class. */
const words = {
  invalid: 'INVALID_ARGUMENT',
  context: 'INVALID_ARGUMENT',
  authentication: 'INVALID_ARGUMENT',
  permission: 'PERMISSION_DENIED',
  not_found: 'NOT_FOUND',
  too_large: 'INVALID_ARGUMENT',
  rate: 'RESOURCE_EXHAUSTED',
  quota: 'FAILED_PRECONDITION',
  overloaded: 'UNAVAILABLE',
  timeout: 'DEADLINE_EXCEEDED',
  upstream: 'INTERNAL',
  internal: 'INTERNAL',
} as const satisfies Record<FaultClass, string>;
