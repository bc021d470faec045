import { isIP } from 'node:net';

/** Networks as a list or separated by commas, in the form `a,b`; undefined when one is none. */
export function parseNetworks(value: unknown): string | undefined {
  const entries = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',') : [];
  if (entries.length === 0 || entries.length > networksMax) return undefined;
  const networks = entries.map(entry => (typeof entry === 'string' ? entry.trim() : ''));
  return networks.every(isNetwork) ? networks.join(',') : undefined;
}

const networksMax = 64;

function isNetwork(text: string): boolean {
  const [, address = '', prefix = ''] = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(prefix) <= (family === 4 ? 32 : 128);
}
