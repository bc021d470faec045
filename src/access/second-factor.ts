import { base62 } from '../completion/base62.ts';
import { Fault } from '../completion/fault.ts';
import { type AccessContext, type Asking, tell } from './context.ts';
import { mintTotpSecret, totpStepOf, totpUri } from './totp.ts';

/** Ten, each once, for people who lost their phone. 12 base62 digits carry 71 bits. */
const recoveryCodes = 10;
const recoveryCodeLength = 12;
const issuer = 'Common Carrier';
/** A secret that was shown and not confirmed is not kept by us: whoever confirms brings it back, sealed. */
const setUpMs = 15 * 60_000;

export interface TotpSetUp {
  readonly secret: string;
  readonly uri: string;
  /** To be sent back with the first code. */
  readonly setUp: string;
}

/** Shows a secret for the authenticator app; nothing is changed before a first code confirms it. */
export function beginTotp(context: AccessContext, user: { readonly id: string; readonly account: string }): TotpSetUp {
  const secret = mintTotpSecret();
  const setUp = context.secrets.seal(
    JSON.stringify({ secret, untilMs: context.nowMs() + setUpMs }),
    `totp-set-up:${user.id}`,
  );
  return { secret, uri: totpUri(secret, { issuer, account: user.account }), setUp };
}

/** From now on logins need a code. Returns the recovery codes, which are shown once. Throws Fault('code_invalid'). */
export async function confirmTotp(
  context: AccessContext,
  { user, setUp, code }: { readonly user: string; readonly setUp: string; readonly code: string },
  asking: Asking,
): Promise<readonly string[]> {
  const secret = openSetUp(context, user, setUp);
  const step = totpStepOf(secret, code, context.nowMs());
  if (step === undefined) throw new Fault('code_invalid');
  const codes = Array.from({ length: recoveryCodes }, () => base62(recoveryCodeLength));
  await context.store.db.transaction().execute(async transaction => {
    const sealed = context.secrets.seal(secret, `totp:${user}`);
    const { numUpdatedRows } = await transaction
      .updateTable('access_user')
      .set({ totp_sealed: sealed, totp_step: BigInt(step) })
      .where('id', '=', user)
      .where('totp_sealed', 'is', null)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw new Fault('access_conflict', 'This account has a second factor; remove it first.');
    await transaction.deleteFrom('access_recovery_code').where('user_id', '=', user).execute();
    await transaction
      .insertInto('access_recovery_code')
      .values(codes.map(text => ({ user_id: user, digest: context.secrets.digest(`recovery:${user}:${text}`) })))
      .execute();
    await tell(transaction, { asking, organisation: null, action: 'users.totp-on', target: `user:${user}` });
  });
  return codes;
}

export async function removeTotp(context: AccessContext, user: string, asking: Asking): Promise<void> {
  await context.store.db.transaction().execute(async transaction => {
    await transaction
      .updateTable('access_user')
      .set({ totp_sealed: null, totp_step: 0n })
      .where('id', '=', user)
      .execute();
    await transaction.deleteFrom('access_recovery_code').where('user_id', '=', user).execute();
    await tell(transaction, { asking, organisation: null, action: 'users.totp-off', target: `user:${user}` });
  });
}

/** Is this a code of theirs that was not used before? Takes it: the same one never counts twice, whoever is first. */
export async function takeCode(
  context: AccessContext,
  { user, sealed, code }: { readonly user: string; readonly sealed: string; readonly code: string },
): Promise<boolean> {
  const { store, secrets } = context;
  const step = totpStepOf(secrets.open(sealed, `totp:${user}`), code, context.nowMs());
  if (step !== undefined) {
    const { numUpdatedRows } = await store.db
      .updateTable('access_user')
      .set({ totp_step: BigInt(step) })
      .where('id', '=', user)
      .where('totp_step', '<', BigInt(step))
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }
  const { numDeletedRows } = await store.db
    .deleteFrom('access_recovery_code')
    .where('user_id', '=', user)
    .where('digest', '=', secrets.digest(`recovery:${user}:${code}`))
    .executeTakeFirst();
  return numDeletedRows === 1n;
}

function openSetUp(context: AccessContext, user: string, setUp: string): string {
  try {
    const { secret, untilMs } = JSON.parse(context.secrets.open(setUp, `totp-set-up:${user}`)) as {
      secret: string;
      untilMs: number;
    }; // sealed by beginTotp for this user
    if (context.nowMs() < untilMs) return secret;
  } catch {
    // One answer for whatever is not ours, or is another's.
  }
  throw new Fault('code_invalid', 'The set-up is not ours or took too long; begin again.');
}
