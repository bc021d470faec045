import { LossLedger } from '../../completion/loss.ts';
import type { ReasoningForm } from '../../completion/profile.ts';
import type { ByteRange, EnvelopeEdits, RequestScan } from '../dialect.ts';
import { JsonScan } from '../json-scan.ts';
import { NameTable } from '../name-table.ts';
import { isEnvelope, mayHoldEnvelope } from '../opaque-state.ts';
import type { Edit } from '../splice.ts';
import { isRecord, type WireRecord } from '../wire-values.ts';

/** Within a dialect a client's bytes pass as they are; what is ours among them does not. Reasoning of a model of another
 *  dialect carries an envelope of ours as its signature, or as its redacted bytes, and no provider of this dialect takes it:
 *  such blocks are left out by their bytes, and thinking is turned off where the model insists on what is gone. undefined when
 *  there is none, which the scan says of nearly every request. */
export function withoutEnvelopes(
  body: Buffer,
  scan: RequestScan,
  form: () => ReasoningForm,
): EnvelopeEdits | undefined {
  if (scan.thinkingBlocks === 0 || !mayHoldEnvelope(body)) return undefined;
  const { messages, thinking } = readPlaces(body);
  const losses = new LossLedger();
  const edits: Edit[] = [];
  let isMissed = false;
  messages.forEach((message, index) => {
    if (message.role !== 'assistant') return;
    const cleaned = cleanMessage(body, message, `messages.${index}`, losses);
    isMissed = cleaned.isMissed;
    if (cleaned.edit !== undefined) edits.push(cleaned.edit);
  });
  if (edits.length === 0) return undefined;
  if (isMissed && thinking !== undefined && insists(body, thinking, form())) {
    edits.push({ ...thinking, text: '{"type":"disabled"}' });
    losses.dropped('reasoning-state-missing', 'additionalModelRequestFields.thinking');
  }
  return { edits, losses: losses.losses };
}

interface MessagePlace {
  readonly role: unknown;
  readonly content: ByteRange | undefined;
  readonly blocks: readonly ByteRange[];
}

const topFields = new NameTable(['messages', 'additionalModelRequestFields']);
const modelFields = new NameTable(['thinking']);
const messageFields = new NameTable(['role', 'content']);

/** The body was checked before. */
function readPlaces(body: Buffer): { messages: readonly MessagePlace[]; thinking: ByteRange | undefined } {
  const scan = new JsonScan();
  const messages: MessagePlace[] = [];
  let thinking: ByteRange | undefined;
  scan.start(body, 0, body.length);
  scan.enter();
  while (scan.nextMember()) {
    const field = scan.key(topFields);
    if (field === 0 && scan.isArray) {
      scan.enter();
      while (scan.nextElement()) messages.push(readMessage(scan));
    } else if (field === 1 && scan.isObject) thinking = readThinking(scan);
    else scan.skip();
  }
  return { messages, thinking };
}

function readThinking(scan: JsonScan): ByteRange | undefined {
  let thinking: ByteRange | undefined;
  scan.enter();
  while (scan.nextMember()) {
    const isThinking = scan.key(modelFields) === 0;
    const start = scan.at;
    scan.skip();
    if (isThinking) thinking = { start, end: scan.at };
  }
  return thinking;
}

function readMessage(scan: JsonScan): MessagePlace {
  let role: unknown;
  let content: ByteRange | undefined;
  const blocks: ByteRange[] = [];
  if (!scan.isObject) {
    scan.skip();
    return { role, content, blocks };
  }
  scan.enter();
  while (scan.nextMember()) {
    const field = scan.key(messageFields);
    const start = scan.at;
    if (field === 0) role = scan.parse();
    else if (field !== 1 || !scan.isArray) scan.skip();
    else {
      scan.enter();
      while (scan.nextElement()) {
        const at = scan.at;
        scan.skip();
        blocks.push({ start: at, end: scan.at });
      }
      content = { start, end: scan.at };
    }
  }
  return { role, content, blocks };
}

interface CleanedMessage {
  readonly edit: Edit | undefined;
  /** It called tools and does not begin with reasoning any more. */
  readonly isMissed: boolean;
}

function cleanMessage(
  body: Buffer,
  { content, blocks }: MessagePlace,
  path: string,
  losses: LossLedger,
): CleanedMessage {
  const kept = blocks.filter((block, index) => {
    if (!isOurs(body, block)) return true;
    losses.dropped('reasoning-state-foreign', `${path}.content.${index}`);
    return false;
  });
  if (content === undefined || kept.length === blocks.length) return { edit: undefined, isMissed: false };
  const texts = kept.map(({ start, end }) => body.toString('utf8', start, end));
  const text = `[${texts.length === 0 ? saidNothing : texts.join(',')}]`;
  const wires = kept.map(block => parse(body, block));
  const called = wires.some(wire => wire?.['toolUse'] !== undefined);
  return { edit: { ...content, text }, isMissed: called && wires[0]?.['reasoningContent'] === undefined };
}

/** A message may not be empty, and this one was all thought. */
const saidNothing = '{"text":"(no answer)"}';

function isOurs(body: Buffer, block: ByteRange): boolean {
  if (!mayHoldEnvelope(body.subarray(block.start, block.end))) return false;
  const reasoning = parse(body, block)?.['reasoningContent'];
  if (!isRecord(reasoning)) return false;
  const said = reasoning['reasoningText'];
  const state = isRecord(said) ? said['signature'] : reasoning['redactedContent'];
  return typeof state === 'string' && isEnvelope(state);
}

function insists(body: Buffer, thinking: ByteRange, form: ReasoningForm): boolean {
  return form.needsState !== 'never' && parse(body, thinking)?.['type'] === 'enabled';
}

function parse(body: Buffer, { start, end }: ByteRange): WireRecord | undefined {
  const value: unknown = JSON.parse(body.toString('utf8', start, end));
  return isRecord(value) ? value : undefined;
}
