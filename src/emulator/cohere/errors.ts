import { Refusal } from '../answer.ts';
import type { ScriptBreak, ScriptFailure } from '../script.ts';

// Statuses and bodies: https://docs.cohere.com/reference/errors (2026-11) and recorded answers. Bodies have an id and a
// message, and for prompts that are too long an `error_type`.

export function invalid(message: string): Refusal {
  return new Refusal(400, 'invalid', `invalid request: ${message}`);
}

/** What is not a field is another status. */
export function unknownField(name: string): Refusal {
  return new Refusal(
    422,
    'unknown',
    `unknown field: parameter '${name}' is not a valid field. For proper usage, please refer to https://docs.cohere.com/reference/chat`,
  );
}

export const tooManyTokens = 'TOO_MANY_TOKENS';

export function cohereErrorBody(refusal: Refusal, requestId: string): Buffer {
  const type = refusal.code === null ? {} : { error_type: refusal.code };
  return Buffer.from(JSON.stringify({ id: requestId, message: refusal.message, ...type }));
}

const messages: Readonly<Record<number, string>> = {
  400: 'invalid request: messages must not be empty.',
  401: 'invalid api token',
  402: 'Please add or update your payment method at https://dashboard.cohere.com/billing?tab=payment to continue',
  403: 'You are not permitted to use this resource.',
  404: "model 'emulated' not found, make sure the correct model ID was used and that you have access to the model.",
  422: 'invalid request: the request could not be processed.',
  429: "You are using a Trial key, which is limited to 20 API calls / minute. You can continue to use the Trial key for free or upgrade to a Production key with higher rate limits at 'https://dashboard.cohere.com/api-keys'.",
  498: 'the request was blocked by the safety filter.',
  499: 'request cancelled',
  500: 'internal server error, please try again.',
  501: 'this operation is not implemented.',
  503: 'the service is unavailable, please try again.',
  504: 'the request timed out, please try again.',
};

const overflow =
  'too many tokens: total number of tokens in the prompt cannot exceed 128000 - received 131072. Try using a shorter prompt, or a smaller max_tokens value.';

/** What the provider documents for a status; `code` names the one condition that shares its status. */
export function cohereFailure(failure: ScriptFailure): Refusal {
  const isOverflow = failure.code === 'context_length_exceeded' || failure.code === tooManyTokens;
  const known = isOverflow ? overflow : messages[failure.status];
  const message = failure.message ?? known ?? `The request failed with status ${failure.status}.`;
  const code = isOverflow ? tooManyTokens : failure.code;
  return new Refusal(failure.status, 'scripted', message, code === undefined ? {} : { code });
}

/** A stream that fails ends with a message-end that says so; whole answers: an error body in a 200. */
export function cohereErrorFrame({ errorType }: ScriptBreak, streamed: boolean, requestId: string): Buffer {
  const message = messages[500]!;
  if (!streamed) return Buffer.from(JSON.stringify({ id: requestId, message }));
  const delta = { error: message, finish_reason: errorType ?? 'ERROR' };
  return Buffer.from(`event: message-end\ndata: ${JSON.stringify({ type: 'message-end', delta })}\n\n`);
}
