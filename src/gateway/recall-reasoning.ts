import type { Dialect } from '../dialects/dialect.ts';
import type { ReadRequest } from '../dialects/translate.ts';
import type { Deployment } from '../snapshot/load.ts';
import { dialectFor } from './choose.ts';
import { callsToRecall, type Recalled } from './open-reasoning.ts';
import type { ReasoningStates } from './ports.ts';
import { profileOf } from './profiles.ts';

export const nothingRecalled: Recalled = new Map();

export interface RecallQuestion {
  readonly client: Dialect;
  readonly organisation: string;
  /** In the order in which they will be tried. */
  readonly order: readonly Deployment[];
}

/** Asks once, before the hold is taken: what comes back is sent with the request and counts as its input. */
export function recallReasoning(
  read: ReadRequest,
  { client, organisation, order }: RecallQuestion,
  states: ReasoningStates,
): Recalled | Promise<Recalled> {
  const forms = order.flatMap(deployment => {
    const dialect = dialectFor(deployment, client);
    if (dialect === client) return [];
    return [profileOf(deployment.provider.kind, dialect.name, deployment.targetModel).reasoning];
  });
  const callIds = callsToRecall(read, forms);
  return callIds.length === 0 ? nothingRecalled : states.recall(organisation, callIds);
}

/** No text has more tokens than bytes, and an envelope more bytes than the text in it. */
export function recalledBytes(recalled: Recalled): number {
  let bytes = 0;
  for (const envelopes of recalled.values()) for (const envelope of envelopes) bytes += envelope.length;
  return bytes;
}
