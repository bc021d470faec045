import type { LossCode } from './loss-codes.ts';

/** Something that a translation could not carry, declared. The client sees `code;path` in x-carrier-loss. */
export interface Loss {
  /** What happened: dropped (not sent), approximated (sent as something near), moved (sent elsewhere). */
  readonly action: 'dropped' | 'approximated' | 'moved';
  /** Stable, kebab-case, such as `seed-unsupported`: one of `loss-codes.ts`. */
  readonly code: string;
  /** Where in the client's request or the provider's answer, such as `messages.3.name`. */
  readonly path: string;
}

/** A long conversation may lose the same thing in every message. The last loss kept says that there were more. */
export const lossesMax = 100;

export class LossLedger {
  readonly losses: Loss[] = [];
  dropped(code: LossCode, path: string): void {
    this.#declare('dropped', code, path);
  }
  approximated(code: LossCode, path: string): void {
    this.#declare('approximated', code, path);
  }
  moved(code: LossCode, path: string): void {
    this.#declare('moved', code, path);
  }

  /** One that was found apart. */
  declare({ action, code, path }: Loss): void {
    this.#declare(action, code, path);
  }

  #declare(action: Loss['action'], code: string, path: string): void {
    if (this.losses.length >= lossesMax) return;
    const isLast = this.losses.length === lossesMax - 1;
    this.losses.push(isLast ? { action: 'dropped', code: 'more-losses', path: '' } : { action, code, path });
  }
}
