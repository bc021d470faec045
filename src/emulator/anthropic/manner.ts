import { Refusal } from '../answer.ts';
import type { Manner } from '../manner.ts';
import { anthropicErrorEvent, anthropicFailure } from './errors.ts';
import { checkAnthropicHeaders } from './headers.ts';
import { answerAnthropicRefusal } from './provider.ts';

export const anthropicManner: Manner = {
  checkKey: ({ headers }, keys) => checkAnthropicHeaders(headers, keys),
  refuse: answerAnthropicRefusal,
  failure: anthropicFailure,
  errorFrame: ({ errorType }, answer, requestId) => anthropicErrorEvent(errorType, answer.streamed, requestId),
  notJson: () => new Refusal(400, 'invalid_request_error', 'The request body is not valid JSON: expected value'),
  tooLarge: () => new Refusal(413, 'request_too_large', 'Request exceeds the maximum size'),
  unknownPath: () => new Refusal(404, 'not_found_error', 'Not found'),
  wrongMethod: () => new Refusal(405, 'invalid_request_error', 'Method Not Allowed'),
};
