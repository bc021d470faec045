import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket, Server as SocketServer } from 'node:net';
import { listenForBoth, type Serve, serving } from './both-protocols.ts';
import { createConcurrency } from './concurrency.ts';
import { controlPrefix, createControlHandler } from './control-api.ts';
import type { EmulatedModel } from './models.ts';
import { createRecorder, type RecordedExchange } from './recorder.ts';
import type { ReplayedAnswer } from './replay.ts';
import { createScripts } from './rules.ts';
import { createProviderHandler, type EmulatorCounts } from './serve.ts';

export interface EmulatorOptions {
  /** TCP port on `host`; 0, the default, takes a free one. */
  readonly port?: number;
  readonly host?: string;
  /** A unix socket instead of TCP. */
  readonly socketPath?: string;
  /** PEM texts; then it speaks https. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Without a list every model name is served. */
  readonly models?: readonly EmulatedModel[];
  /** Keys that are accepted; any that is not empty unless said. */
  readonly apiKeys?: readonly string[];
  /** Scripts for requests that carry none; the first whose conditions hold applies. */
  readonly rules?: readonly string[];
  /** Keep received and sent bytes. Default true. */
  readonly record?: boolean;
  readonly recordedMax?: number;
  readonly recordedBytesMax?: number;
  /** Serve the control API under /__emulator/. Default true. */
  readonly control?: boolean;
  readonly nowMs?: () => number;
}

export interface EmulatorStats extends EmulatorCounts {
  readonly connectionsOpen: number;
  readonly connectionsAccepted: number;
  /** The most answers under way at once, by model, since the start or clearRequests(). */
  readonly peakByModel: Readonly<Record<string, number>>;
}

export interface Emulator {
  /** `http://127.0.0.1:41234`, or `unix:/path` for a unix socket. */
  readonly url: string;
  /** 0 for a unix socket. */
  readonly port: number;
  /** Oldest first. */
  requests(): RecordedExchange[];
  clearRequests(): void;
  stats(): EmulatorStats;
  /** Adds a script for all requests that carry none. Throws ScriptError. */
  script(rule: string): void;
  /** Replaces all rules, and starts counting anew. Throws ScriptError. */
  replaceRules(rules: readonly string[]): void;
  /** Sends this to every request with a key from now on; undefined ends it. Scripts still chunk it and break it off. */
  replay(answer: ReplayedAnswer | undefined): void;
  /** Closes the listener and all connections: new ones are refused, until accept(). */
  refuse(): Promise<void>;
  /** Listens again on the same address. */
  accept(): Promise<void>;
  /** Closes everything, running answers included. */
  stop(): Promise<void>;
}

const recordedMaxDefault = 1_000;
const recordedBytesMaxDefault = 64 * 1024 * 1024;
const headerBytesMax = 128 * 1024;
/** Longer than clients keep idle connections, so that they, not the emulator, close them. */
const keepAliveTimeoutMs = 120_000;
const backlog = 4_096;

export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const nowMs = options.nowMs ?? Date.now;
  const counts: EmulatorCounts = { requests: 0, answersOpen: 0, clientAborts: 0, broken: 0 };
  const concurrency = createConcurrency();
  let replayed: ReplayedAnswer | undefined;
  const scripts = createScripts(options.rules ?? []);
  const recorder =
    options.record === false
      ? undefined
      : createRecorder({
          exchangesMax: options.recordedMax ?? recordedMaxDefault,
          bytesMax: options.recordedBytesMax ?? recordedBytesMaxDefault,
        });
  const serveProvider = createProviderHandler({
    models: options.models,
    apiKeys: options.apiKeys,
    scripts,
    recorder,
    nowMs,
    counts,
    concurrency,
    replayed: () => replayed,
  });

  const connections = new Set<Socket>();
  let connectionsAccepted = 0;
  let port = options.port ?? 0;
  let server: SocketServer | undefined;

  const stats = (): EmulatorStats => ({
    ...counts,
    connectionsOpen: connections.size,
    connectionsAccepted,
    peakByModel: concurrency.peaks(),
  });

  const serve: Serve = (request, response) => {
    if (options.control !== false && request.url!.startsWith(controlPrefix)) serveControl(request, response);
    else serveProvider(request, response);
  };

  async function listen(): Promise<void> {
    const settings = { maxHeaderSize: headerBytesMax, keepAliveTimeout: keepAliveTimeoutMs, noDelay: true };
    const created =
      options.tls === undefined
        ? listenForBoth(settings, serve)
        : serving(createTlsServer({ ...settings, cert: options.tls.certificate, key: options.tls.key }), serve);
    created.on('connection', (socket: Socket) => {
      connectionsAccepted += 1;
      connections.add(socket);
      socket.once('close', () => connections.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      created.once('error', reject);
      created.listen(
        options.socketPath === undefined
          ? { port, host: options.host ?? '127.0.0.1', backlog }
          : { path: options.socketPath, backlog },
        () => {
          created.off('error', reject);
          resolve();
        },
      );
    });
    const address = created.address() as AddressInfo | string;
    // The same port again after refuse(): clients hold on to the address.
    if (typeof address !== 'string') port = address.port;
    server = created;
  }

  async function refuse(): Promise<void> {
    const closing = server;
    if (closing === undefined) return;
    server = undefined;
    await new Promise<void>(resolve => {
      closing.close(() => resolve());
      for (const socket of connections) socket.destroy();
    });
  }

  async function accept(): Promise<void> {
    if (server === undefined) await listen();
  }

  const emulator: Emulator = {
    get url() {
      if (options.socketPath !== undefined) return `unix:${options.socketPath}`;
      return `${options.tls === undefined ? 'http' : 'https'}://${options.host ?? '127.0.0.1'}:${port}`;
    },
    get port() {
      return options.socketPath === undefined ? port : 0;
    },
    requests: () => recorder?.list() ?? [],
    clearRequests() {
      recorder?.clear();
      concurrency.forget();
    },
    stats,
    script: rule => scripts.addRule(rule),
    replaceRules: rules => scripts.replaceRules(rules),
    replay(answer) {
      replayed = answer;
    },
    refuse,
    accept,
    stop: refuse,
  };
  const serveControl = createControlHandler(emulator, () => scripts.rules);
  await listen();
  return emulator;
}
