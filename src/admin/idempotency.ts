import { createHash } from 'node:crypto';
import { Fault } from '../completion/fault.ts';
import type { Sealer } from '../control/seal.ts';
import type { Store } from '../store/connect.ts';

/** Longest key; a UUID has 36. */
const keyLengthMax = 255;
/** How long an answer is kept. */
const keptMs = 24 * 60 * 60 * 1000;
/** A request that was begun and not answered after so long died with its process. */
const abandonedMs = 120_000;
/** In place of a status while the first request is being answered. */
const inProgress = 0;

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  /** Absent in what older releases kept. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Does a POST once for each idempotency key: the same request again gets the first answer, another one is refused. Only
 *  successes are kept, so that what failed may be tried again. Answers are sealed: one may hold a new key's secret. */
export async function answerOnce(
  once: { readonly store: Store; readonly sealer: Sealer; readonly nowMs: number },
  request: { readonly key: string; readonly path: string; readonly body: string },
  answer: () => Promise<Answer>,
): Promise<Answer & { readonly replayed: boolean }> {
  const { store, sealer } = once;
  if (!/^[\x21-\x7e]+$/.test(request.key) || request.key.length > keyLengthMax) {
    throw new Fault('header_invalid', `Idempotency-Key must be 1 to ${keyLengthMax} printable characters.`);
  }
  const key = `${request.path} ${request.key}`;
  const digest = createHash('sha256').update(request.body).digest('hex');
  const at = (agoMs: number) => new Date(once.nowMs - agoMs);
  await store.db
    .deleteFrom('idempotent_answer')
    .where(eb =>
      eb.or([eb('at', '<', at(keptMs)), eb.and([eb('status', '=', inProgress), eb('at', '<', at(abandonedMs))])]),
    )
    .execute();
  const begun = await store.db
    .insertInto('idempotent_answer')
    .values({ key, digest, status: inProgress, body: '', at: at(0) })
    .onConflict(conflict => conflict.column('key').doNothing())
    .executeTakeFirst();
  if (begun.numInsertedOrUpdatedRows === 0n) return replay();
  try {
    const made = await answer();
    const body = sealer.seal(JSON.stringify(made), `idempotent:${key}`);
    await store.db.updateTable('idempotent_answer').set({ status: made.status, body }).where('key', '=', key).execute();
    return { ...made, replayed: false };
  } catch (error) {
    // When this fails too, the row is abandoned and may be tried again later.
    await store.db
      .deleteFrom('idempotent_answer')
      .where('key', '=', key)
      .execute()
      .catch(() => {});
    throw error;
  }

  async function replay(): Promise<Answer & { readonly replayed: boolean }> {
    const row = await store.db.selectFrom('idempotent_answer').selectAll().where('key', '=', key).executeTakeFirst();
    if (row === undefined || (row.digest === digest && row.status === inProgress)) {
      throw new Fault(
        'idempotency_conflict',
        'The first request of this key is still being answered; retry in a moment.',
      );
    }
    if (row.digest !== digest) throw new Fault('idempotency_conflict');
    const kept = JSON.parse(sealer.open(row.body, `idempotent:${key}`)) as Answer; // sealed above, by nobody else
    return { ...kept, replayed: true };
  }
}
