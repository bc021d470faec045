import { cpuNow, processTree } from './processes.ts';

/** CPU of this process and of a server, apart, over any number of stretches. The server's is Linux only. */
export class Spending {
  readonly #server: number | undefined;
  #own = 0;
  #servers = 0;
  #ownBefore = process.cpuUsage();
  #serversBefore = new Map<number, number>();

  /** By process id; everything below it is counted. */
  constructor(server: number | undefined) {
    this.#server = server;
  }

  begin(): void {
    this.#ownBefore = process.cpuUsage();
    this.#serversBefore = this.#serverNow();
  }

  pause(): void {
    const { user, system } = process.cpuUsage(this.#ownBefore);
    this.#own += user + system;
    for (const [id, micros] of this.#serverNow()) this.#servers += micros - (this.#serversBefore.get(id) ?? 0);
  }

  /** For each of so many. */
  each(count: number): string {
    const server = this.#server === undefined ? '' : ` + ${(this.#servers / count).toFixed(0)} (Postgres)`;
    return `${(this.#own / count).toFixed(0)}${server} µs of CPU each`;
  }

  #serverNow(): Map<number, number> {
    return this.#server === undefined || process.platform !== 'linux' ? new Map() : cpuNow(processTree(this.#server));
  }
}
