import { type Dispatcher, Pool, ProxyAgent } from 'undici';
import type { ProviderEntry } from '../snapshot/snapshot.ts';
import type { GatewaySettings } from './settings.ts';
import { trustedContext } from './trusted-context.ts';

/** Where requests of one provider account go. */
export interface Upstream {
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  /** Path of the base URL, without a slash at its end: `/v1`, or empty. */
  readonly basePath: string;
}

/** Connections to providers: one pool an account and base URL, made at first use and kept over snapshots. */
export class Upstreams {
  readonly #proxy: GatewaySettings['proxy'];
  readonly #poolOptions: typeof poolOptions & { readonly connections: number };
  readonly #pools = new Map<string, Upstream>();

  /** `connectionsMax`: sockets to one account; more attempts wait for one within their connect deadline. */
  constructor(proxy: GatewaySettings['proxy'], connectionsMax: number) {
    this.#proxy = proxy;
    this.#poolOptions = { ...poolOptions, connections: connectionsMax };
  }

  of(provider: ProviderEntry): Upstream {
    const key = `${provider.name} ${provider.baseUrl}`;
    const present = this.#pools.get(key);
    if (present !== undefined) return present;
    const upstream = this.#open(provider.baseUrl);
    this.#pools.set(key, upstream);
    return upstream;
  }

  async close(): Promise<void> {
    const open = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(open.map(upstream => upstream.dispatcher.destroy()));
  }

  #open(baseUrl: string): Upstream {
    if (baseUrl.startsWith('unix:')) {
      const { socketPath, basePath } = splitSocketUrl(baseUrl);
      const origin = 'http://localhost';
      return {
        dispatcher: new Pool(origin, { ...this.#poolOptions, connect: { ...connectOptions, socketPath } }),
        origin,
        basePath,
      };
    }
    const url = new URL(baseUrl);
    const basePath = url.pathname.replace(/\/+$/, '');
    const tls = url.protocol === 'https:' ? { secureContext: trustedContext() } : {};
    const proxy = this.#proxyFor(url);
    const dispatcher =
      proxy === undefined
        ? new Pool(url.origin, { ...this.#poolOptions, connect: { ...connectOptions, ...tls } })
        : new ProxyAgent({ ...this.#poolOptions, uri: proxy, requestTls: { ...connectOptions, ...tls } });
    return { dispatcher, origin: url.origin, basePath };
  }

  #proxyFor(url: URL): string | undefined {
    const { httpsProxy, noProxy } = this.#proxy;
    if (httpsProxy === undefined || url.protocol !== 'https:') return undefined;
    return noProxy !== undefined && isExempt(url, noProxy) ? undefined : httpsProxy;
  }
}

/** Deadlines are the route's and watched by the attempt, so undici's own are off; but a connection nobody waits for any
 *  more must not linger. */
const connectOptions = { timeout: 60_000 } as const;

const poolOptions = {
  pipelining: 1,
  allowH2: false,
  headersTimeout: 0,
  bodyTimeout: 0,
  keepAliveTimeout: 30_000,
  keepAliveMaxTimeout: 300_000,
  maxHeaderSize: 65_536,
} as const;

/** `unix:/run/emulator.sock` or `unix:/run/emulator.sock:/v1`: a path may follow the socket after a second colon. */
function splitSocketUrl(baseUrl: string): { socketPath: string; basePath: string } {
  const rest = baseUrl.slice('unix:'.length);
  const colon = rest.indexOf(':');
  if (colon === -1) return { socketPath: rest, basePath: '' };
  return { socketPath: rest.slice(0, colon), basePath: rest.slice(colon + 1).replace(/\/+$/, '') };
}

/** NO_PROXY as curl reads it: `*`, hosts, domains with or without a leading dot, each optionally with a port. */
export function isExempt(url: URL, noProxy: string): boolean {
  const port = url.port === '' ? (url.protocol === 'http:' ? '80' : '443') : url.port;
  return noProxy.split(/[\s,]+/).some(entry => {
    if (entry === '') return false;
    if (entry === '*') return true;
    const [, host = '', onlyPort] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase())!;
    if (onlyPort !== undefined && onlyPort !== port) return false;
    const domain = host.replace(/^\*?\./, '');
    return url.hostname === domain || url.hostname.endsWith(`.${domain}`);
  });
}
