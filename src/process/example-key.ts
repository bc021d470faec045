import { existsSync } from 'node:fs';
import type { Sealer } from '../control/seal.ts';
import { readSecretFile, sandboxKeyPath } from '../control/secret-files.ts';
import { sandbox } from '../control/zero-configuration.ts';
import { providers } from '../providers/registry.ts';
import { loadSnapshot, type Snapshot } from '../snapshot/load.ts';
import type { SnapshotJson } from '../snapshot/snapshot.ts';

/** What the printed example uses: a key in a file, and a model that it may call. */
export interface ExampleKey {
  readonly keyPath: string;
  readonly model: string;
  /** Do emulated providers answer? */
  readonly sandbox: boolean;
}

/** The first key of an unconfigured installation, while it still works; undefined otherwise. */
export function exampleKey(dataPath: string, json: SnapshotJson, sealer: Sealer): ExampleKey | undefined {
  const keyPath = sandboxKeyPath(dataPath);
  const secret = existsSync(keyPath) ? readSecretFile(keyPath) : undefined;
  if (secret === undefined) return undefined;
  const snapshot = loadSnapshot(json);
  const principal = snapshot.findKey(sealer.digestSecret(secret));
  if (principal === undefined || principal.revoked) return undefined;
  const names = snapshot.modelNames(principal).map(({ name }) => name);
  const model = names.includes(sandbox.route) ? sandbox.route : (knownToAnswer(names) ?? cheapest(snapshot, names));
  if (model === undefined) return undefined;
  const route = snapshot.resolve(model);
  if (route instanceof Error) return undefined;
  return { keyPath, model, sandbox: route.candidates.every(({ deployment }) => deployment.provider.sandbox) };
}

/** A first try should succeed: price lists also name models that are retired or elsewhere. */
function knownToAnswer(names: readonly string[]): string | undefined {
  return providers.map(({ name, firstModel }) => `${name}/${firstModel}`).find(name => names.includes(name));
}

/** And it should cost little. */
function cheapest(snapshot: Snapshot, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestRate: bigint | undefined;
  for (const name of names) {
    const route = snapshot.resolve(name);
    if (route instanceof Error) continue;
    const rate = route.candidates[0]?.deployment.sell?.cards.at(-1)?.card?.rates.output;
    if (rate === undefined || (bestRate !== undefined && rate >= bestRate)) continue;
    best = name;
    bestRate = rate;
  }
  return best;
}
