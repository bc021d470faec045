import type { DialectName } from '../completion/request.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { isEnvelope, isSameMaker, type StateMaker, type StateSeal } from '../dialects/opaque-state.ts';
import type { ReadRequest } from '../dialects/translate.ts';
import type { Deployment, ResolvedRoute } from '../snapshot/load.ts';
import type { Recalled } from './open-reasoning.ts';

/** Who makes what a deployment returns as opaque state when it is called in this dialect. */
export function makerOf(deployment: Deployment, dialect: Dialect): StateMaker {
  return { dialect: dialect.name, kind: deployment.provider.kind, targetModel: deployment.targetModel };
}

const nobody: ReadonlySet<string> = new Set();

/** Handles of the candidates that can read the newest reasoning state which the request gives back, or which we keep for it;
 *  empty nearly always. Asked before the decision, so that a thread of thought goes on where it began while that is
 *  healthy. */
export function stateMakers(
  { request }: ReadRequest,
  {
    route,
    client,
    organisation,
    recalled = nothingRecalled,
  }: {
    readonly route: ResolvedRoute;
    readonly client: DialectName;
    readonly organisation: string;
    /** Earlier reasoning that the client did not send back. */
    readonly recalled?: Recalled | undefined;
  },
  seal: StateSeal,
): ReadonlySet<string> {
  const state = newestState(request, recalled);
  if (state === undefined) return nobody;
  if (!isEnvelope(state)) return nativesOf(route, client);
  const maker = seal.open(state, organisation)?.maker;
  if (maker === undefined) return nobody;
  const able = route.candidates.filter(
    ({ deployment: { provider, targetModel } }) =>
      // Who speaks the client's dialect is called in it, and no envelope is opened for it.
      !provider.dialects.includes(client) &&
      provider.dialects.includes(maker.dialect) &&
      isSameMaker(maker, { dialect: maker.dialect, kind: provider.kind, targetModel }),
  );
  return new Set(able.map(({ deployment }) => deployment.handle));
}

/** A state in its maker's own form came to the client in the maker's own dialect, and reaches again only who is called in
 *  it: translated, it would be left out. Nobody is named where that is everybody. */
function nativesOf({ candidates }: ResolvedRoute, client: DialectName): ReadonlySet<string> {
  const natives = candidates.filter(({ deployment }) => deployment.provider.dialects.includes(client));
  if (natives.length === candidates.length) return nobody;
  return new Set(natives.map(({ deployment }) => deployment.handle));
}

function newestState({ turns }: ReadRequest['request'], recalled: Recalled): string | undefined {
  for (let at = turns.length - 1; at >= 0; at -= 1) {
    const turn = turns[at]!;
    if (turn.role !== 'assistant') continue;
    for (const block of turn.blocks) {
      if (block.type === 'reasoning' && block.state !== undefined) return block.state;
    }
    if (recalled.size === 0) continue;
    for (const block of turn.blocks) {
      const [kept] = block.type === 'call' ? (recalled.get(block.id) ?? []) : [];
      if (kept !== undefined) return kept;
    }
  }
  return undefined;
}

const nothingRecalled: Recalled = new Map();
