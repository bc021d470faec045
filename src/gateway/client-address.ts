import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** Addresses of a chain of proxies that are looked at; no honest chain is longer. */
const hopsMax = 32;

/** Whose word about where a request comes from is taken; undefined: nobody's. */
export type TrustedProxies = BlockList | undefined;

/** `networks`: each an address with its prefix, as the settings give them. */
export function trustedProxiesOf(networks: readonly string[]): TrustedProxies {
  if (networks.length === 0) return undefined;
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    list.addSubnet(address, Number(prefix), isIP(address) === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

export interface ConnectedRequest {
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** Where a request comes from: the other end of its connection, or where that is a trusted proxy, the last address of
 *  X-Forwarded-For that is none. What a client writes there itself stands further left, and counts for nothing.
 *  undefined when nobody can tell: a trusted proxy that said no address. */
export function clientAddress({ headers, socket }: ConnectedRequest, trusted: TrustedProxies): string | undefined {
  const peer = socket.remoteAddress === undefined ? undefined : plainAddress(socket.remoteAddress);
  if (peer === undefined || trusted === undefined || !isIn(trusted, peer)) return peer;
  const said = headers['x-forwarded-for'];
  const hops = (typeof said === 'string' ? said : '').split(',').slice(-hopsMax);
  for (const hop of hops.reverse()) {
    const address = plainAddress(hop.trim());
    if (isIP(address) === 0) return undefined;
    if (!isIn(trusted, address)) return address;
  }
  return undefined;
}

/** An IPv4 address is one also where a socket for both families shows it in the other's form; ports and zones go. */
export function plainAddress(text: string): string {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const [unscoped = ''] = bare.split('%');
  return /^::ffff:[\d.]+$/i.test(unscoped) ? unscoped.slice('::ffff:'.length) : unscoped;
}

function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}
