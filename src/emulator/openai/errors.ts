import { Refusal } from '../answer.ts';
import type { ScriptFailure } from '../script.ts';

// Shapes and codes: OpenAI's published error reference and the types of its SDK (platform.openai.com/docs/guides/
// error-codes, openai 7.55, 2026-11). Texts that clients match are kept; others say the same in other words.

export function openaiErrorBody(refusal: Refusal): Buffer {
  const error = { message: refusal.message, type: refusal.type, param: refusal.parameter, code: refusal.code };
  return Buffer.from(`${JSON.stringify({ error }, null, 2)}\n`);
}

/** An error inside a 200: the last event of a stream, or the whole body. */
export function openaiErrorEvent(errorType: string | undefined, streamed: boolean): Buffer {
  const known = byCode[errorType ?? 'server_error'];
  const type = known?.type ?? errorType;
  const message = known?.message ?? texts['server_error']!;
  const text = JSON.stringify({ error: { message, type, param: null, code: known?.code ?? null } });
  return Buffer.from(streamed ? `data: ${text}\n\n` : text);
}

const invalid = 'invalid_request_error';

const texts: Readonly<Record<string, string>> = {
  server_error: 'The server had an error while processing your request. Sorry about that!',
  rate_limit_exceeded: 'Rate limit reached for requests. Please try again in 2s.',
  insufficient_quota: 'You exceeded your current quota, please check your plan and billing details.',
};

interface Documented {
  readonly type: string;
  readonly code: string | undefined;
  readonly parameter?: string;
  readonly message: string;
}

const byStatus: Readonly<Record<number, Documented>> = {
  400: { type: invalid, code: 'invalid_value', parameter: 'messages', message: "Invalid value for 'messages'." },
  401: { type: invalid, code: 'invalid_api_key', message: 'Incorrect API key provided: sk-emula****. Check your key.' },
  403: {
    type: invalid,
    code: 'unsupported_country_region_territory',
    message: 'Country, region, or territory not supported',
  },
  404: {
    type: invalid,
    code: 'model_not_found',
    message: 'The model `emulated` does not exist or you do not have access to it.',
  },
  408: { type: 'server_error', code: 'request_timeout', message: 'The request timed out.' },
  409: { type: invalid, code: 'resource_conflict', message: 'The resource was changed by another request.' },
  413: { type: invalid, code: 'request_too_large', message: 'The request is too large.' },
  422: { type: invalid, code: 'unprocessable_entity', message: 'The request could not be processed.' },
  429: {
    type: 'requests',
    code: 'rate_limit_exceeded',
    message: 'Rate limit reached for requests per minute. Limit: 500, used: 500. Please try again in 2s.',
  },
  500: { type: 'server_error', code: undefined, message: texts['server_error']! },
  502: { type: 'server_error', code: undefined, message: 'Bad gateway.' },
  503: {
    type: 'server_error',
    code: undefined,
    message: 'The engine is currently overloaded, please try again later',
  },
  504: { type: 'server_error', code: undefined, message: 'The upstream timed out.' },
};

const byCode: Readonly<Record<string, Documented>> = {
  context_length_exceeded: {
    type: invalid,
    code: 'context_length_exceeded',
    parameter: 'messages',
    message: 'Your input exceeds the context window of this model. Please adjust your input and try again.',
  },
  insufficient_quota: {
    type: 'insufficient_quota',
    code: 'insufficient_quota',
    message: 'You exceeded your current quota, please check your plan and billing details.',
  },
  rate_limit_exceeded: byStatus[429]!,
  tokens: {
    type: 'tokens',
    code: 'rate_limit_exceeded',
    message: 'Rate limit reached for tokens per minute. Limit: 30000, requested: 40000. Please try again in 20s.',
  },
  invalid_api_key: byStatus[401]!,
  model_not_found: byStatus[404]!,
  content_filter: { type: invalid, code: 'content_filter', message: 'The prompt was refused by the content policy.' },
  content_policy_violation: {
    type: invalid,
    code: 'content_policy_violation',
    message: 'The request was refused by the safety system.',
  },
  server_error: byStatus[500]!,
};

/** The body that the provider documents for a status, or for one of its codes under that status. */
export function openaiFailure(failure: ScriptFailure): Refusal {
  const known = failure.code === undefined ? byStatus[failure.status] : byCode[failure.code];
  const type = known?.type ?? (failure.status < 500 ? invalid : 'server_error');
  const code = known === undefined ? failure.code : known.code;
  const message = failure.message ?? known?.message ?? `The request failed with status ${failure.status}.`;
  return new Refusal(failure.status, type, message, {
    ...(code === undefined ? {} : { code }),
    ...(known?.parameter === undefined ? {} : { parameter: known.parameter }),
  });
}
