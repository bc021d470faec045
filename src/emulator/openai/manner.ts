import { Refusal } from '../answer.ts';
import type { Manner } from '../manner.ts';
import { openaiErrorEvent, openaiFailure } from './errors.ts';
import { checkOpenaiHeaders } from './headers.ts';
import { answerOpenaiRefusal } from './provider.ts';

const invalid = 'invalid_request_error';

export const openaiManner: Manner = {
  checkKey({ headers }, keys) {
    checkOpenaiHeaders(headers, keys);
    return undefined;
  },
  refuse: answerOpenaiRefusal,
  failure: openaiFailure,
  errorFrame: ({ errorType }, answer) => openaiErrorEvent(errorType, answer.streamed),
  notJson: () => new Refusal(400, invalid, 'We could not parse the JSON body of your request.'),
  tooLarge: () => new Refusal(413, invalid, 'The request is too large.', { code: 'request_too_large' }),
  unknownPath: (method, path) => new Refusal(404, invalid, `Invalid URL (${method} ${path})`),
  wrongMethod: (method, path) =>
    new Refusal(405, invalid, `Not allowed to ${method} on ${path}.`, { code: 'method_not_supported' }),
};
