import { BlockList, isIP } from 'node:net';

/** From where a key may be used. Networks and origins are checked when they are declared; here they are compiled. */
export interface KeyGuard {
  /** undefined: from any address. Takes an address in its usual text. */
  readonly allowsAddress: ((address: string) => boolean) | undefined;
  /** undefined: from any origin, or none. */
  readonly allowsOrigin: ((origin: string) => boolean) | undefined;
}

export const tagNamePattern = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
export const tagValuePattern = /^[\x21-\x2b\x2d-\x7e]{1,128}$/;

/** An address, or a network with its prefix. */
export function isClientNetwork(text: string): boolean {
  return readNetwork(text) !== undefined;
}

/** One spelling: an address alone is its network of one. */
export function plainNetwork(text: string): string {
  const { address, prefix } = readNetwork(text)!; // checked when it was declared
  return `${address.toLowerCase()}/${prefix}`;
}

/** `https://app.example.com`, with a port where it is not the usual one; `https://*.example.com` is every name below. */
export function isOriginPattern(text: string): boolean {
  const plain = text.replace('://*.', '://wildcard.');
  if (text.length > 300 || plain.includes('*') || !URL.canParse(plain)) return false;
  const { origin, protocol } = new URL(plain);
  return (protocol === 'https:' || protocol === 'http:') && origin === plain.toLowerCase();
}

export function plainOrigin(text: string): string {
  return text.toLowerCase();
}

export interface GuardedKey {
  readonly addresses?: readonly string[] | undefined;
  readonly origins?: readonly string[] | undefined;
}

/** undefined where a key may be used from anywhere: then nothing is looked at. Keys with the same lists share a guard. */
export function guardFactory(): (key: GuardedKey) => KeyGuard | undefined {
  const guards = new Map<string, KeyGuard>();
  return ({ addresses, origins }) => {
    if (addresses === undefined && origins === undefined) return undefined;
    const name = JSON.stringify([addresses, origins]);
    let guard = guards.get(name);
    if (guard === undefined) {
      guard = {
        allowsAddress: addresses === undefined ? undefined : addressMatcher(addresses),
        allowsOrigin: origins === undefined ? undefined : originMatcher(origins),
      };
      guards.set(name, guard);
    }
    return guard;
  };
}

function addressMatcher(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const { address, prefix, family } = readNetwork(network)!; // checked when it was declared
    list.addSubnet(address, prefix, family);
  }
  return address => {
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
}

export function originMatcher(origins: readonly string[]): (origin: string) => boolean {
  const exact = new Set(origins.filter(origin => !origin.includes('*')));
  const below = origins.flatMap(origin => {
    const [scheme, rest] = origin.split('://*', 2);
    return rest === undefined ? [] : [{ scheme: `${scheme}://`, rest }];
  });
  return origin => {
    const asked = origin.toLowerCase();
    if (exact.has(asked)) return true;
    return below.some(({ scheme, rest }) => {
      if (!asked.startsWith(scheme) || !asked.endsWith(rest)) return false;
      // At least one label stands for the asterisk, and nothing that is no name.
      return /^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/.test(asked.slice(scheme.length, asked.length - rest.length));
    });
  };
}

function readNetwork(
  text: string,
): { readonly address: string; readonly prefix: number; readonly family: 'ipv4' | 'ipv6' } | undefined {
  const [, address = '', bits] = /^([0-9a-fA-F.:]{2,45})(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0) return undefined;
  const prefix = bits === undefined ? (family === 4 ? 32 : 128) : Number(bits);
  if (prefix > (family === 4 ? 32 : 128)) return undefined;
  return { address, prefix, family: family === 4 ? 'ipv4' : 'ipv6' };
}
