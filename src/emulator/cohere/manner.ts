import { jsonHeaders, Refusal } from '../answer.ts';
import type { Manner } from '../manner.ts';
import { cohereErrorBody, cohereErrorFrame, cohereFailure, invalid } from './errors.ts';

export const cohereManner: Manner = {
  checkKey({ headers }, keys) {
    const key = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    if (key === undefined) throw new Refusal(401, 'unauthorized', 'no api key supplied');
    if (keys !== undefined && !keys.includes(key)) throw new Refusal(401, 'unauthorized', 'invalid api token');
    return undefined;
  },
  refuse: (refusal, requestId) => ({
    status: refusal.status,
    headers: jsonHeaders,
    frames: [cohereErrorBody(refusal, requestId)],
    streamed: false,
    provider: 'cohere',
  }),
  failure: cohereFailure,
  errorFrame: (broken, answer, requestId) => cohereErrorFrame(broken, answer.streamed, requestId),
  notJson: () => invalid('the body is not valid JSON.'),
  tooLarge: () => new Refusal(413, 'too large', 'request body too large'),
  unknownPath: (method, path) => new Refusal(404, 'not found', `unknown path: ${method} ${path}`),
  wrongMethod: method => new Refusal(405, 'not allowed', `method ${method} is not allowed`),
};
