import { LossLedger } from '../../completion/loss.ts';
import type { EnvelopeEdits, RequestScan } from '../dialect.ts';
import { JsonScan } from '../json-scan.ts';
import { NameTable } from '../name-table.ts';
import { isEnvelope, mayHoldEnvelope } from '../opaque-state.ts';
import { isRecord } from '../wire-values.ts';

/** Within a dialect a client's bytes pass as they are; what is ours among them does not. Reasoning of a model of another dialect
 *  carries an envelope of ours as its encrypted content, and no provider of this dialect can verify it: such items are left
 *  out by their bytes. What they led to stays. undefined when there is none, which the scan says of nearly every request. */
export function withoutEnvelopes(body: Buffer, scan: RequestScan): EnvelopeEdits | undefined {
  if (scan.thinkingBlocks === 0 || !mayHoldEnvelope(body)) return undefined;
  const reading = new JsonScan();
  reading.start(body, 0, body.length);
  reading.enter();
  while (reading.nextMember()) {
    if (reading.key(inputField) === -1 || !reading.isArray) reading.skip();
    else return withoutItems(body, reading);
  }
  return undefined;
}

const inputField = new NameTable(['input']);

/** The whole list is written again, of the bytes of the items that stay. */
function withoutItems(body: Buffer, scan: JsonScan): EnvelopeEdits | undefined {
  const losses = new LossLedger();
  const start = scan.at;
  const kept: string[] = [];
  scan.enter();
  for (let index = 0; scan.nextElement(); index += 1) {
    const from = scan.at;
    scan.skip();
    const text = body.toString('utf8', from, scan.at);
    if (isOurs(text)) losses.dropped('reasoning-state-foreign', `input.${index}`);
    else kept.push(text);
  }
  if (losses.losses.length === 0) return undefined;
  return { edits: [{ start, end: scan.at, text: `[${kept.join(',')}]` }], losses: losses.losses };
}

function isOurs(text: string): boolean {
  if (!text.includes('encrypted_content') && !text.includes('\\u')) return false;
  const item: unknown = JSON.parse(text);
  if (!isRecord(item) || item['type'] !== 'reasoning') return false;
  const state = item['encrypted_content'];
  return typeof state === 'string' && isEnvelope(state);
}
