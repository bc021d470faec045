import { jsonHeaders, Refusal } from '../answer.ts';
import type { Manner } from '../manner.ts';
import { bedrockErrorFrame, bedrockFailure } from './errors.ts';
import { checkBedrockKey } from './keys.ts';

export const bedrockManner: Manner = {
  checkKey(request, keys) {
    checkBedrockKey(request, keys);
    return undefined;
  },
  refuse: refusal => ({
    status: refusal.status,
    headers: [
      ...jsonHeaders,
      'x-amzn-errortype',
      `${refusal.type}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
    ],
    frames: [Buffer.from(JSON.stringify({ message: refusal.message }))],
    streamed: false,
    provider: 'bedrock',
  }),
  failure: bedrockFailure,
  errorFrame: (broken, answer) => bedrockErrorFrame(broken, answer.streamed),
  notJson: () => new Refusal(400, 'SerializationException', 'The request body is not valid JSON.'),
  tooLarge: () => new Refusal(413, 'RequestEntityTooLargeException', 'Request body is too large.'),
  unknownPath: () => new Refusal(404, 'UnknownOperationException', 'The requested operation does not exist.'),
  wrongMethod: () =>
    new Refusal(403, 'AccessDeniedException', 'Unable to determine service/operation name to be authorized'),
};
