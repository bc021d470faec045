import type { ReasoningBlock } from '../../completion/request.ts';
import { readOwnState } from '../opaque-state.ts';

/** Signatures stand on parts that are no thought: on the first call of a step, or on the text that ends an answer
 *  (https://ai.google.dev/gemini-api/docs/thought-signatures, 2026-11). To every other dialect they are reasoning, the only
 *  kind of block that has opaque state there. So the state says, in words of our own, where it belongs: clients put
 *  reasoning before everything else of a turn (docs/decisions/0052-gemini-signatures.md). */
export interface OwnSignature {
  readonly of: 'call' | 'text' | 'thought';
  /** Of a call: its place among the calls of the turn. */
  readonly call: number;
  readonly signature: string;
}

export function writeSignature({ of, call, signature }: OwnSignature): string {
  return JSON.stringify(of === 'call' ? { of, call, signature } : { of, signature });
}

/** undefined for a block without state. A bare text is taken for the signature of the first call. */
export function readSignature({ state }: ReasoningBlock): OwnSignature | undefined {
  if (state === undefined) return undefined;
  const own = readOwnState(state);
  const signature = own?.['signature'];
  if (typeof signature !== 'string') return { of: 'call', call: 0, signature: state };
  const of = own?.['of'];
  const call = own?.['call'];
  if (of === 'text' || of === 'thought') return { of, call: -1, signature };
  return { of: 'call', call: typeof call === 'number' ? call : 0, signature };
}

/** "skip_thought_signature_validator": for calls that no model of the API made (same page). */
export const signatureBypass = 'skip_thought_signature_validator';
