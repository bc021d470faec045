/** Something that a translation could not carry, declared. The client sees `code;path` in x-carrier-loss. */
export interface Loss {
  /** What happened: dropped (not sent), approximated (sent as something near), moved (sent elsewhere). */
  readonly action: 'dropped' | 'approximated' | 'moved';
  /** Stable, kebab-case, such as `seed-unsupported`. */
  readonly code: string;
  /** Where in the client's request or the provider's answer, such as `messages.3.name`. */
  readonly path: string;
}

export class LossLedger {
  readonly losses: Loss[] = [];
  dropped(code: string, path: string): void {
    this.losses.push({ action: 'dropped', code, path });
  }
  approximated(code: string, path: string): void {
    this.losses.push({ action: 'approximated', code, path });
  }
  moved(code: string, path: string): void {
    this.losses.push({ action: 'moved', code, path });
  }
}
