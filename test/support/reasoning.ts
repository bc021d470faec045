import { createSealer } from '../../src/control/seal.ts';
import { StateSeal } from '../../src/dialects/opaque-state.ts';
import type { ReasoningStates } from '../../src/gateway/ports.ts';
import { ReasoningShelf } from '../../src/process/reasoning-shelf.ts';

/** The real seal and the real shelf, without the processes between them. */
export function reasoningStates(
  masterKey = 'a master key of tests',
  shelf = new ReasoningShelf({ monotonicMs: () => performance.now() }),
): ReasoningStates {
  return {
    seal: new StateSeal(createSealer(masterKey).keyFor('reasoning-state/1')),
    remember: (organisation, callIds, envelopes) => shelf.put(organisation, callIds, envelopes),
    recall: async (organisation, callIds) =>
      new Map(
        callIds.flatMap(id => {
          const envelopes = shelf.get(organisation, id);
          return envelopes === undefined ? [] : [[id, envelopes] as const];
        }),
      ),
  };
}
