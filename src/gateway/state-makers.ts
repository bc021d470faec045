import type { DialectName } from '../completion/request.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { isEnvelope, isSameMaker, type StateMaker, type StateSeal } from '../dialects/opaque-state.ts';
import type { ReadRequest } from '../dialects/translate.ts';
import type { Deployment, ResolvedRoute } from '../snapshot/load.ts';

/** Who makes what a deployment returns as opaque state when it is called in this dialect. */
export function makerOf(deployment: Deployment, dialect: Dialect): StateMaker {
  return { dialect: dialect.name, kind: deployment.provider.kind, targetModel: deployment.targetModel };
}

const nobody: ReadonlySet<string> = new Set();

/** Handles of the candidates that can read the newest reasoning state which the request gives back; empty nearly always.
 *  Asked before the decision, so that a thread of thought goes on where it began while that is healthy. */
export function stateMakers(
  { request }: ReadRequest,
  {
    route,
    client,
    organisation,
  }: { readonly route: ResolvedRoute; readonly client: DialectName; readonly organisation: string },
  seal: StateSeal,
): ReadonlySet<string> {
  const envelope = newestEnvelope(request);
  const maker = envelope === undefined ? undefined : seal.open(envelope, organisation)?.maker;
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

function newestEnvelope({ turns }: ReadRequest['request']): string | undefined {
  for (let at = turns.length - 1; at >= 0; at -= 1) {
    const turn = turns[at]!;
    if (turn.role !== 'assistant') continue;
    for (const block of turn.blocks) {
      if (block.type === 'reasoning' && block.state !== undefined && isEnvelope(block.state)) return block.state;
    }
  }
  return undefined;
}
