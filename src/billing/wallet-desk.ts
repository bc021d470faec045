import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../completion/fault.ts';
import { poolId } from '../snapshot/wallets.ts';
import type { Store } from '../store/connect.ts';
import type { GrantOrder } from './grant.ts';
import { type EndOutcome, type GrantName, type GrantOutcome, makeGrants, refundGrant, voidGrant } from './grants.ts';
import { askHolders } from './wallet-leases.ts';

export interface WalletDeskOptions {
  readonly store: Store;
  readonly nowMs: () => number;
  /** Something that holds must know of has changed. */
  readonly changed: () => void;
}

export interface WalletDesk {
  /** All or none; the outcomes in their order. Throws as makeGrants. */
  grant(orders: readonly GrantOrder[]): Promise<readonly GrantOutcome[]>;
  /** Throws as voidGrant, and Fault `wallet_held`. */
  void(name: GrantName): Promise<EndedGrant>;
  /** Throws as refundGrant, and Fault `wallet_held`. */
  refund(name: GrantName): Promise<EndedGrant>;
}

export type EndedGrant = Extract<EndOutcome, { readonly amountAtto: bigint }>;

/** Orders of one call. */
export const grantsAtOnceMax = 1_000;
/** Workers give back what nobody uses within some milliseconds of being asked; what exchanges hold takes as long as they. */
const letGoTries = 20;
const letGoPauseMs = 50;

/** What changes wallets on somebody's order. */
export function createWalletDesk({ store, nowMs, changed }: WalletDeskOptions): WalletDesk {
  async function end(name: GrantName, endIt: typeof voidGrant): Promise<EndedGrant> {
    for (let tries = 1; ; tries += 1) {
      const result = await endIt(store, name, nowMs());
      if (result.outcome !== 'held') {
        if (result.outcome === 'ended') changed();
        return result;
      }
      if (tries > letGoTries) throw new Fault('wallet_held', undefined, { retryAfterMs: 5_000 });
      const { organisation } = name;
      const budget = poolId({ organisation, currency: result.currency, scopes: [] });
      await askHolders(store, { budget, window: '', exceptHolder: '' });
      await sleep(letGoPauseMs);
    }
  }
  return {
    grant: async orders => {
      const outcomes = await makeGrants(store, orders, nowMs());
      if (outcomes.includes('granted')) changed();
      return outcomes;
    },
    void: name => end(name, voidGrant),
    refund: name => end(name, refundGrant),
  };
}
