import { LossLedger } from '../../completion/loss.ts';
import type { ReasoningForm } from '../../completion/profile.ts';
import type { ByteRange, EnvelopeEdits, RequestScan } from '../dialect.ts';
import { JsonScan } from '../json-scan.ts';
import { NameTable } from '../name-table.ts';
import { isEnvelope, mayHoldEnvelope } from '../opaque-state.ts';
import type { Edit } from '../splice.ts';
import { signatureBypass } from './signatures.ts';

/** Signatures that are envelopes of ours are of a model of another dialect, and no model of this one takes them ("Corrupted
 *  thought signature"). A call that needs one gets the value that stands for none; elsewhere it is left out by its bytes.
 *  undefined when there is none, which the scan says of nearly every request. */
export function withoutEnvelopes(
  body: Buffer,
  scan: RequestScan,
  form: () => ReasoningForm,
): EnvelopeEdits | undefined {
  if (scan.thinkingBlocks === 0 || !mayHoldEnvelope(body)) return undefined;
  const parts = readParts(body).filter(({ signature }) => signature !== undefined);
  const losses = new LossLedger();
  const edits = parts.flatMap(part => {
    const signature = JSON.parse(body.toString('utf8', part.signature!.start, part.signature!.end)); // filtered above
    if (typeof signature !== 'string' || !isEnvelope(signature)) return [];
    losses.dropped('reasoning-state-foreign', `${part.path}.thoughtSignature`);
    if (!part.isCall || form().needsState === 'never') return [part.withoutSignature!]; // set with the signature
    losses.approximated('reasoning-state-bypassed', part.path);
    return [{ ...part.signature!, text: `"${signatureBypass}"` }];
  });
  return edits.length === 0 ? undefined : { edits, losses: losses.losses };
}

interface PartPlace {
  readonly path: string;
  readonly isCall: boolean;
  readonly signature: ByteRange | undefined;
  /** The member with the comma that parts it from others. */
  readonly withoutSignature: Edit | undefined;
}

const contentFields = new NameTable(['parts']);
const topFields = new NameTable(['contents']);
const partFields = new NameTable(['thoughtSignature', 'thought_signature', 'functionCall', 'function_call']);

/** The body was checked before. */
function readParts(body: Buffer): readonly PartPlace[] {
  const scan = new JsonScan();
  const parts: PartPlace[] = [];
  scan.start(body, 0, body.length);
  members(scan, topFields, () => {
    entries(scan, index => {
      members(scan, contentFields, () => {
        entries(scan, at => parts.push(readPart(scan, `contents.${index}.parts.${at}`)));
      });
    });
  });
  return parts;
}

/** Of the object here: those that are named; of another value none. */
function members(scan: JsonScan, fields: NameTable<string>, found: () => void): void {
  if (!scan.isObject) {
    scan.skip();
    return;
  }
  scan.enter();
  while (scan.nextMember()) {
    if (scan.key(fields) === -1) scan.skip();
    else found();
  }
}

/** Of the list here, or the one that stands in its place. */
function entries(scan: JsonScan, found: (index: number) => void): void {
  if (!scan.isArray) {
    found(0);
    return;
  }
  scan.enter();
  for (let index = 0; scan.nextElement(); index += 1) found(index);
}

function readPart(scan: JsonScan, path: string): PartPlace {
  let isCall = false;
  let signature: ByteRange | undefined;
  let withoutSignature: Edit | undefined;
  if (!scan.isObject) {
    scan.skip();
    return { path, isCall, signature, withoutSignature };
  }
  scan.enter();
  /** The end of the member before, and whether the signature still has no comma to go with. */
  let before = scan.at;
  let isFirst = true;
  let waitsForNext = false;
  while (scan.nextMember()) {
    const keyAt = scan.keyStart - 1;
    if (waitsForNext) {
      withoutSignature = { start: withoutSignature!.start, end: keyAt, text: '' };
      waitsForNext = false;
    }
    const field = scan.key(partFields);
    const start = scan.at;
    scan.skip();
    if (field >= 2) isCall = true;
    else if (field >= 0) {
      signature = { start, end: scan.at };
      withoutSignature = { start: isFirst ? keyAt : before, end: scan.at, text: '' };
      waitsForNext = isFirst;
    }
    before = scan.at;
    isFirst = false;
  }
  // A part of nothing is refused.
  if (waitsForNext) withoutSignature = { ...withoutSignature!, text: '"text":""' };
  return { path, isCall, signature, withoutSignature };
}
