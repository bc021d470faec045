import { isIP, isIPv6 } from 'node:net';
import type { AddressPolicy } from './address-policy.ts';
import { FetchRefusal } from './fetch-refusal.ts';

/** Where a URL leads, checked. A connection goes to one of these addresses and nowhere else. */
export interface Destination {
  readonly url: URL;
  readonly addresses: readonly CheckedAddress[];
}

export interface CheckedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** All addresses of a name, of both versions. Rejects when there is none. */
export type Resolve = (hostname: string, signal: AbortSignal) => Promise<readonly string[]>;

/** Checks the form of a URL and every address of its host. Throws FetchRefusal. */
export async function findDestination(
  url: URL,
  policy: AddressPolicy,
  resolve: Resolve,
  signal: AbortSignal,
): Promise<Destination> {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new FetchRefusal('only http and https are fetched');
  if (url.username !== '' || url.password !== '') throw new FetchRefusal('the URL names a user or a password');
  // The URL parser has made the usual text of every other way to write an address: decimal, octal, hexadecimal, short.
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  const found = isIP(host) === 0 ? await resolve(host, signal) : [host];
  const verdicts = found.slice(0, addressesMax).map(address => policy.judge(address));
  if (verdicts.length === 0 || verdicts.includes(undefined)) {
    throw new FetchRefusal('its host is not at a public address');
  }
  // URL leaves out the port that belongs to the scheme.
  if (url.port !== '' && !verdicts.every(verdict => verdict === 'allowed')) {
    throw new FetchRefusal('only the usual ports of http and https are asked');
  }
  return {
    url,
    addresses: found.slice(0, addressesMax).map(address => ({ address, family: isIPv6(address) ? 6 : 4 })),
  };
}

/** Addresses of a name that are looked at and may be tried; an answer with more is cut. */
const addressesMax = 16;
