import type { Dialect } from '../dialect.ts';
import { decodeAnswer, decodeStream } from './decode-answer.ts';
import { decodeRequest } from './decode-request.ts';
import { encodeAnswer, encodeStream } from './encode-answer.ts';
import { encodeRequest } from './encode-request.ts';
import { decodeFault, encodeFault, encodeStreamFault } from './fault.ts';
import { encodeNotice } from './notice.ts';
import { observeAnswer, observeStream } from './observe.ts';
import { cohereChatProfile } from './profile.ts';
import { resumeStream } from './resume.ts';
import { scanRequest, spliceRequest } from './scan.ts';

export const cohereChat: Dialect = {
  name: 'cohere-chat',
  profile: cohereChatProfile,
  streamType: 'text/event-stream',
  scanRequest,
  spliceRequest,
  decodeRequest,
  encodeRequest,
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
