import { readFile } from 'node:fs/promises';
import { credentialContext, type Sealer } from '../control/seal.ts';
import { loadSnapshot, type Snapshot } from '../snapshot/load.ts';
import type { SnapshotJson } from '../snapshot/snapshot.ts';

/** The snapshot a worker serves with, and the credentials of its providers in the clear: opened once a snapshot, since
 *  decrypting at every request would cost more than anything else on its way. */
export class WorkerSnapshot {
  readonly #sealer: Sealer;
  #current: Snapshot;
  #credentials: ReadonlyMap<string, string>;
  #limits: ReadonlyMap<string, number>;

  private constructor(sealer: Sealer, json: SnapshotJson) {
    this.#sealer = sealer;
    this.#current = loadSnapshot(json);
    this.#credentials = openCredentials(json, sealer);
    this.#limits = concurrencyLimits(json);
  }

  static async read(path: string, sealer: Sealer): Promise<WorkerSnapshot> {
    return new WorkerSnapshot(sealer, await readJson(path));
  }

  get current(): Snapshot {
    return this.#current;
  }

  credential(provider: string): string | undefined {
    return this.#credentials.get(provider);
  }

  /** undefined is unbounded, or a deployment that is gone. */
  concurrencyMax(handle: string): number | undefined {
    return this.#limits.get(handle);
  }

  /** Exchanges that have begun keep the snapshot they began with. Everything is built before anything is replaced, so a
   *  snapshot that cannot be used changes nothing. */
  async apply(path: string): Promise<void> {
    const json = await readJson(path);
    if (json.hash === this.#current.hash) return;
    const next = loadSnapshot(json);
    const credentials = openCredentials(json, this.#sealer);
    this.#current = next;
    this.#credentials = credentials;
    this.#limits = concurrencyLimits(json);
  }
}

async function readJson(path: string): Promise<SnapshotJson> {
  // The cast is true: the supervisor wrote the file, and loadSnapshot checks its hash.
  return JSON.parse(await readFile(path, 'utf8')) as SnapshotJson;
}

const sandboxCredential = 'sandbox';

/** By handle, of the deployments that have one. */
export function concurrencyLimits(json: SnapshotJson): Map<string, number> {
  const limits = new Map<string, number>();
  for (const { handle, concurrencyMax } of json.deployments) {
    if (concurrencyMax !== null) limits.set(handle, concurrencyMax);
  }
  return limits;
}

function openCredentials(json: SnapshotJson, sealer: Sealer): Map<string, string> {
  const credentials = new Map<string, string>();
  for (const { name, credential, sandbox } of json.providers) {
    // Emulated providers refuse a request without a key, as the real ones do, and take any.
    if (credential === null && sandbox) credentials.set(name, sandboxCredential);
    if (credential !== null) credentials.set(name, sealer.open(credential, credentialContext(name)));
  }
  return credentials;
}
