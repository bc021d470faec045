import type { CommitLevel } from './shown-answer.ts';

/** What a client wants when its answer breaks off after its first content. */
export const onFailureModes = ['error', 'restart', 'continue'] as const;
export type OnFailure = (typeof onFailureModes)[number];

/** What may follow an attempt that failed, by what the client was shown of the answer.
 *  unseen: another attempt, which nobody notices. restart: another whole answer, announced. continue: the rest of the text,
 *  by another author, announced. end: the failure itself. */
export type WayOn = 'unseen' | 'restart' | 'continue' | 'end';

/** The table of commit levels. Nothing is ever added to a tool call, to reasoning, or to what only its provider understands:
 *  half of it by one model and half by another would be neither's. */
const ways: Readonly<Record<CommitLevel, Readonly<Record<OnFailure, WayOn>>>> = {
  nothing: { error: 'unseen', restart: 'unseen', continue: 'unseen' },
  head: { error: 'unseen', restart: 'unseen', continue: 'unseen' },
  text: { error: 'end', restart: 'restart', continue: 'continue' },
  reasoning: { error: 'end', restart: 'restart', continue: 'end' },
  calls: { error: 'end', restart: 'end', continue: 'end' },
  other: { error: 'end', restart: 'end', continue: 'end' },
  finished: { error: 'end', restart: 'end', continue: 'end' },
};

export function wayOn(level: CommitLevel, asked: OnFailure): WayOn {
  return ways[level][asked];
}
