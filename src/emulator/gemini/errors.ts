import { Refusal } from '../answer.ts';
import type { ScriptBreak, ScriptFailure } from '../script.ts';

// Google's error model: https://cloud.google.com/apis/design/errors and https://ai.google.dev/gemini-api/docs/troubleshooting
// (2026-11). There is no Retry-After: how long to wait is a RetryInfo among the details.

export function invalid(message: string): Refusal {
  return new Refusal(400, 'INVALID_ARGUMENT', message);
}

export function geminiErrorBody(refusal: Refusal): Buffer {
  return Buffer.from(`${JSON.stringify({ error: errorOf(refusal) }, null, 2)}\n`);
}

function errorOf({ status, type, message, details }: Refusal): object {
  return { code: status, message, status: type, ...(details.length === 0 ? {} : { details }) };
}

const statusNames: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

const messages: Readonly<Record<string, string>> = {
  INVALID_ARGUMENT: 'Request contains an invalid argument.',
  FAILED_PRECONDITION: 'User location is not supported for the API use.',
  UNAUTHENTICATED: 'Request had invalid authentication credentials.',
  PERMISSION_DENIED: 'The caller does not have permission',
  NOT_FOUND: 'models/emulated is not found for API version v1beta, or is not supported for generateContent.',
  RESOURCE_EXHAUSTED:
    'You exceeded your current quota, please check your plan and billing details.\nPlease retry in 34.4s.',
  INTERNAL: 'An internal error has occurred.',
  UNAVAILABLE: 'The model is overloaded. Please try again later.',
  DEADLINE_EXCEEDED: 'Deadline expired before operation could complete.',
};

const typeUrl = 'type.googleapis.com/google.rpc.';
const retryInfo = { '@type': `${typeUrl}RetryInfo`, retryDelay: '34.4s' };
const quotaFailure = {
  '@type': `${typeUrl}QuotaFailure`,
  violations: [
    {
      quotaMetric: 'generativelanguage.googleapis.com/generate_content_paid_tier_requests',
      quotaId: 'GenerateRequestsPerMinutePerProjectPerModel',
      quotaDimensions: { location: 'global', model: 'emulated' },
      quotaValue: '60',
    },
  ],
};

export const badKey = {
  '@type': `${typeUrl}ErrorInfo`,
  reason: 'API_KEY_INVALID',
  domain: 'googleapis.com',
  metadata: { service: 'generativelanguage.googleapis.com' },
};

interface Condition {
  readonly type: string;
  readonly message: string;
  readonly details?: readonly object[];
}

/** Conditions that share a status and are told apart by their text or their details. */
const byCode: Readonly<Record<string, Condition>> = {
  context_length_exceeded: {
    type: 'INVALID_ARGUMENT',
    message: 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
  },
  API_KEY_INVALID: {
    type: 'INVALID_ARGUMENT',
    message: 'API key not valid. Please pass a valid API key.',
    details: [badKey],
  },
  insufficient_quota: {
    type: 'RESOURCE_EXHAUSTED',
    message: 'You exceeded your current quota, please check your plan and billing details.',
    details: [quotaFailure],
  },
};

/** What the provider documents for a status; `code` is the name of a status, or a condition named above. */
export function geminiFailure(failure: ScriptFailure): Refusal {
  const usual = statusNames[failure.status] ?? (failure.status < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL');
  const known = failure.code === undefined ? undefined : byCode[failure.code];
  const type = known?.type ?? failure.code ?? usual;
  const message = failure.message ?? known?.message ?? messages[type] ?? `The request failed: ${type}.`;
  const limited = type === 'RESOURCE_EXHAUSTED' && known === undefined ? [quotaFailure, retryInfo] : [];
  return new Refusal(failure.status, type, message, { details: known?.details ?? limited });
}

/** An error inside a 200: the last event of a stream, the last entry of a list, or the whole body. */
export function geminiErrorFrame({ errorType, after }: ScriptBreak, streamed: boolean, list: boolean): Buffer {
  const type = errorType ?? 'UNAVAILABLE';
  const status = Number(Object.entries(statusNames).find(([, name]) => name === type)?.[0] ?? 500);
  const error = errorOf(new Refusal(status, type, messages[type] ?? messages['INTERNAL']!));
  const text = JSON.stringify({ error });
  if (!streamed) return Buffer.from(text);
  return Buffer.from(list ? `${after === 0 ? '[' : ',\r\n'}${text}\r\n]` : `data: ${text}\r\n\r\n`);
}
