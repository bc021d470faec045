import type { Dialect } from '../dialect.ts';
import { decodeAnswer, decodeStream } from './decode-answer.ts';
import { decodeRequest } from './decode-request.ts';
import { encodeAnswer, encodeStream } from './encode-answer.ts';
import { encodeRequest } from './encode-request.ts';
import { decodeFault, encodeFault, encodeStreamFault } from './fault.ts';
import { hostedTools } from './hosted-tools.ts';
import { encodeNotice } from './notice.ts';
import { observeAnswer, observeStream } from './observe.ts';
import { withoutEnvelopes } from './own-envelopes.ts';
import { anthropicMessagesProfile } from './profile.ts';
import { resumeStream } from './resume.ts';
import { scanRequest, spliceRequest } from './scan.ts';
import { requestHeaders } from './version.ts';

export const anthropicMessages: Dialect = {
  name: 'anthropic-messages',
  profile: anthropicMessagesProfile,
  streamType: 'text/event-stream',
  scanRequest,
  spliceRequest,
  hostedTools,
  withoutEnvelopes,
  decodeRequest,
  encodeRequest,
  requestHeaders,
  observeAnswer,
  observeStream,
  decodeAnswer,
  decodeStream,
  encodeAnswer,
  encodeStream,
  decodeFault,
  encodeFault,
  encodeStreamFault,
  encodeNotice,
  resumeStream,
};
