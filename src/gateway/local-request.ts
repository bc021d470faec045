import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** What a proxy adds, or a client that pretends to be one. */
const traces = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'];

export interface SeenRequest {
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** Was it sent by a program of this machine for itself? A proxy on this machine asks for others: it is known by the
 *  headers it adds or by the name it was asked by. One that hides both looks local; docs/guides/production.md says so. */
export function isLocalRequest(request: SeenRequest): boolean {
  const { headers, socket } = request;
  return (
    isLoopback(socket.remoteAddress ?? '') &&
    isLocalName(headers.host ?? '') &&
    !traces.some(name => headers[name] !== undefined)
  );
}

function isLocalName(host: string): boolean {
  const name = host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  return name.toLowerCase() === 'localhost' || isLoopback(name);
}

function isLoopback(address: string): boolean {
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'));
}
