import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A PNG of one pixel, whole. */
export const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
/** The head of a PDF, which is all that anyone here looks at. */
export const pdf = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n').toString('base64');

export interface MediaServer {
  readonly url: string;
  /** Paths asked for, in order. */
  readonly asked: string[];
  /** Resolves when the path has been asked for. */
  untilAsked(path: string): Promise<void>;
  stop(): void;
}

/** Serves `/a.png` and `/a.pdf`, `/moved` to the first, and `/private` to an address that is not public; `/silent` does not
 *  answer. Nothing is at other paths. */
export async function startMediaServer(): Promise<MediaServer> {
  const asked: string[] = [];
  const waiting: { readonly path: string; readonly resolve: () => void }[] = [];
  const server = createServer((request, response) => {
    const path = request.url!.split('?', 1)[0]!;
    asked.push(request.url!);
    for (const waiter of waiting) if (waiter.path === path) waiter.resolve();
    if (path.endsWith('.png')) {
      response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from(pixel, 'base64'));
    } else if (path.endsWith('.pdf')) {
      response.writeHead(200, { 'content-type': 'application/pdf' }).end(Buffer.from(pdf, 'base64'));
    } else if (path === '/moved') response.writeHead(302, { location: '/a.png' }).end();
    else if (path === '/private') response.writeHead(302, { location: 'http://127.0.0.2/a.png' }).end();
    else if (path !== '/silent') response.writeHead(404).end();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    untilAsked: path =>
      asked.includes(path) ? Promise.resolve() : new Promise(resolve => waiting.push({ path, resolve })),
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
