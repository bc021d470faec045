import { readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import type { GatewayObserver } from './ports.ts';
import type { TlsFiles } from './settings.ts';

/** Throws when a file cannot be read: a listener without its certificate must not start. */
export function readTlsFiles(files: TlsFiles): {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: 'TLSv1.2';
} {
  return { cert: readFileSync(files.certificatePath), key: readFileSync(files.keyPath), minVersion: 'TLSv1.2' };
}

/** Reads certificate and key again when they change. Watching by time of change works for renewed files, swapped links
 *  and mounted secrets alike. */
export class TlsWatch {
  readonly #files: TlsFiles;
  readonly #server: Server;
  readonly #observe: GatewayObserver;
  readonly #timer: NodeJS.Timeout;
  #stamp: string;

  constructor(files: TlsFiles, server: Server, observe: GatewayObserver) {
    this.#files = files;
    this.#server = server;
    this.#observe = observe;
    this.#stamp = stampOf(files);
    this.#timer = setInterval(() => this.check(), checkEveryMs);
    this.#timer.unref();
  }

  check(): void {
    const stamp = stampOf(this.#files);
    if (stamp === this.#stamp) return;
    try {
      if (this.#server instanceof TlsServer) this.#server.setSecureContext(readTlsFiles(this.#files));
      this.#stamp = stamp;
    } catch (error) {
      // Half-written files: the old certificate serves on, and the next check tries again.
      this.#observe.alert({ code: 'tls_reload_failed', message: String(error), exchangeId: '' });
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

const checkEveryMs = 2_000;

function stampOf(files: TlsFiles): string {
  return [files.certificatePath, files.keyPath]
    .map(path => {
      try {
        const { mtimeMs, size, ino } = statSync(path);
        return `${mtimeMs} ${size} ${ino}`;
      } catch {
        return 'missing';
      }
    })
    .join(' ');
}
