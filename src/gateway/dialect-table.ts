import { Fault } from '../completion/fault.ts';
import type { DialectName } from '../completion/request.ts';
import * as anthropicFault from '../dialects/anthropic-messages/fault.ts';
import * as anthropicObserve from '../dialects/anthropic-messages/observe.ts';
import * as anthropicScan from '../dialects/anthropic-messages/scan.ts';
import type { Dialect } from '../dialects/dialect.ts';
import * as openAiFault from '../dialects/openai-chat/fault.ts';
import * as openAiObserve from '../dialects/openai-chat/observe.ts';
import * as openAiScan from '../dialects/openai-chat/scan.ts';

/** The dialect of a name, if it is built. */
export function dialectNamed(name: DialectName): Dialect | undefined {
  return dialects.get(name);
}

function untranslated(): never {
  throw new Fault('translation_unsupported');
}

/** Bytes pass within a dialect; translation is refused by name. */
const passing = {
  decodeRequest: untranslated,
  encodeRequest: untranslated,
  decodeAnswer: untranslated,
  decodeStream: untranslated,
  encodeAnswer: untranslated,
  encodeStream: untranslated,
};

const dialects: ReadonlyMap<DialectName, Dialect> = new Map<DialectName, Dialect>([
  [
    'openai-chat',
    {
      name: 'openai-chat',
      ...passing,
      scanRequest: openAiScan.scanRequest,
      spliceRequest: openAiScan.spliceRequest,
      observeAnswer: openAiObserve.observeAnswer,
      observeStream: openAiObserve.observeStream,
      decodeFault: openAiFault.decodeFault,
      encodeFault: openAiFault.encodeFault,
      encodeStreamFault: openAiFault.encodeStreamFault,
    },
  ],
  [
    'anthropic-messages',
    {
      name: 'anthropic-messages',
      ...passing,
      scanRequest: anthropicScan.scanRequest,
      spliceRequest: anthropicScan.spliceRequest,
      observeAnswer: anthropicObserve.observeAnswer,
      observeStream: anthropicObserve.observeStream,
      decodeFault: anthropicFault.decodeFault,
      encodeFault: anthropicFault.encodeFault,
      encodeStreamFault: anthropicFault.encodeStreamFault,
    },
  ],
]);
