import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { AddressPolicy } from '../../src/media/address-policy.ts';
import { type FetchOptions, type FetchSurroundings, fetchMedia } from '../../src/media/fetch-media.ts';
import { FetchRefusal, NoRoomForMedia } from '../../src/media/fetch-refusal.ts';

const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const pdf = Buffer.from('%PDF-1.7\n%âãÏÓ\n', 'latin1');
const megabyte = 1024 * 1024;

const loopback: FetchSurroundings = {
  policy: new AddressPolicy(['127.0.0.1/32']),
  resolve: () => Promise.reject(new FetchRefusal('its host is not known')),
  secureContext: () => undefined,
  isDirect: () => true,
};
const unhurried: FetchOptions = { signal: new AbortController().signal, take: () => {} };

/** A server on loopback for one test; its address without a slash at the end. */
async function serve(t: TestContext, listener: RequestListener, host = '127.0.0.1', port = 0): Promise<string> {
  const server = createServer(listener);
  return `http://${host}:${await listen(t, server, host, port)}`;
}

async function listen(t: TestContext, server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>(resolve => server.listen(port, host, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function answer(response: ServerResponse, body: Buffer, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'image/png', ...headers }).end(body);
}

async function refusal(address: string, surroundings = loopback, options = unhurried): Promise<string> {
  try {
    await fetchMedia(address, surroundings, options);
  } catch (error) {
    assert.ok(error instanceof FetchRefusal, String(error));
    return error.message;
  }
  return 'fetched';
}

test('a file is fetched, and the server learns nothing but the address', async t => {
  const seen: IncomingMessage[] = [];
  const origin = await serve(t, (request, response) => {
    seen.push(request);
    answer(response, png);
  });

  const file = await fetchMedia(`${origin}/a.png?signature=1#part`, loopback, unhurried);

  assert.deepEqual(file, { mediaType: 'image/png', bytes: png });
  assert.equal(seen[0]!.method, 'GET');
  assert.equal(seen[0]!.url, '/a.png?signature=1');
  assert.deepEqual(
    { ...seen[0]!.headers },
    {
      accept: 'image/*, application/pdf',
      'accept-encoding': 'identity',
      'user-agent': 'common-carrier',
      host: origin.slice('http://'.length),
      connection: 'close',
    },
  );
});

test('an address that is not public is not asked', async t => {
  let requests = 0;
  const origin = await serve(t, (_, response) => {
    requests += 1;
    answer(response, png);
  });
  const closed = { ...loopback, policy: new AddressPolicy() };

  assert.equal(await refusal(origin, closed), 'its host is not at a public address');
  assert.equal(await refusal(origin.replace('127.0.0.1', '2130706433'), closed), 'its host is not at a public address');
  assert.equal(requests, 0);
});

test('a name that another resolution would lead elsewhere stays where it was checked', async t => {
  const served: string[] = [];
  const first = await serve(t, (_, response) => {
    served.push('checked');
    answer(response, png);
  });
  const { port } = new URL(first);
  await serve(
    t,
    (_, response) => {
      served.push('rebound');
      answer(response, png);
    },
    '127.0.0.3',
    Number(port),
  );
  let resolutions = 0;
  const rebinding = {
    ...loopback,
    resolve: () => {
      resolutions += 1;
      return Promise.resolve([resolutions === 1 ? '127.0.0.1' : '127.0.0.3']);
    },
  };

  await fetchMedia(`http://rebind.example:${port}/`, rebinding, unhurried);

  assert.deepEqual(served, ['checked']);
  assert.equal(resolutions, 1);
  assert.equal(await refusal(`http://rebind.example:${port}/`, rebinding), 'its host is not at a public address');
  assert.deepEqual(served, ['checked']);
});

test('the name stays in the host header while the connection goes to the checked address', async t => {
  let host: string | undefined;
  const origin = await serve(t, (request, response) => {
    host = request.headers.host;
    answer(response, png);
  });
  const { port } = new URL(origin);

  await fetchMedia(
    `http://pictures.example:${port}/`,
    { ...loopback, resolve: () => Promise.resolve(['127.0.0.1']) },
    unhurried,
  );

  assert.equal(host, `pictures.example:${port}`);
});

test('of several checked addresses another is tried when the first does not answer', async t => {
  const origin = await serve(t, (_, response) => answer(response, png));
  const { port } = new URL(origin);
  const twice = {
    ...loopback,
    policy: new AddressPolicy(['127.0.0.0/8']),
    resolve: () => Promise.resolve(['127.0.0.9', '127.0.0.1']),
  };

  assert.deepEqual((await fetchMedia(`http://pictures.example:${port}/`, twice, unhurried)).bytes, png);
});

test('redirects are followed three times, each checked anew', async t => {
  const origin = await serve(t, (request, response) => {
    const left = Number(request.url!.slice(1));
    if (left === 0) answer(response, png);
    else response.writeHead([301, 302, 303, 307, 308][left % 5]!, { location: `/${left - 1}` }).end('moved');
  });

  assert.deepEqual((await fetchMedia(`${origin}/3`, loopback, unhurried)).bytes, png);
  assert.equal(await refusal(`${origin}/4`), 'it redirects more than 3 times');
});

const redirects: readonly (readonly [location: string, expected: string])[] = [
  ['http://127.0.0.2/', 'its host is not at a public address'],
  ['http://169.254.169.254/latest/meta-data/', 'its host is not at a public address'],
  ['//10.0.0.1/', 'its host is not at a public address'],
  ['http://[::1]/', 'its host is not at a public address'],
  ['http://0x7f000002/', 'its host is not at a public address'],
  ['http://user@127.0.0.1/', 'the URL names a user or a password'],
  ['file:///etc/passwd', 'only http and https are fetched'],
  ['data:image/png;base64,iVBORw0KGgo=', 'only http and https are fetched'],
  ['http://', 'the server redirects without saying where'],
];
for (const [location, expected] of redirects) {
  test(`a redirect to ${location} is refused`, async t => {
    const origin = await serve(t, (_, response) => response.writeHead(302, { location }).end());

    assert.equal(await refusal(origin), expected);
  });
}

test('a redirect without a place, and one to itself, are refused', async t => {
  const origin = await serve(t, (request, response) => {
    if (request.url === '/lost') response.writeHead(302).end();
    else response.writeHead(302, { location: request.url! }).end();
  });

  assert.equal(await refusal(`${origin}/lost`), 'the server redirects without saying where');
  assert.equal(await refusal(`${origin}/loop`), 'it redirects more than 3 times');
});

const typed: readonly (readonly [type: string | undefined, body: Buffer, expected: string])[] = [
  ['image/png', png, 'image/png'],
  ['IMAGE/PNG; charset=binary', png, 'image/png'],
  ['image/jpg', Buffer.from([0xff, 0xd8, 0xff, 0xe0]), 'image/jpeg'],
  ['image/gif', Buffer.from('GIF89a..'), 'image/gif'],
  ['image/webp', Buffer.from('RIFF\0\0\0\0WEBPVP8 ', 'latin1'), 'image/webp'],
  ['application/pdf', pdf, 'application/pdf'],
  ['application/octet-stream', pdf, 'application/pdf'],
  ['binary/octet-stream', png, 'image/png'],
  [undefined, png, 'image/png'],
  ['image/png', pdf, 'its first bytes are of another type than the server declares'],
  ['image/jpeg', png, 'its first bytes are of another type than the server declares'],
  ['image/png', Buffer.from('<html>'), 'it is neither an image (PNG, JPEG, GIF, WebP) nor a PDF by its first bytes'],
  ['image/png', Buffer.alloc(0), 'it is neither an image (PNG, JPEG, GIF, WebP) nor a PDF by its first bytes'],
  [undefined, Buffer.from('{"token":1}'), 'it is neither an image (PNG, JPEG, GIF, WebP) nor a PDF by its first bytes'],
  ['text/html', png, 'the server declares neither an image (PNG, JPEG, GIF, WebP) nor a PDF'],
  ['application/json', png, 'the server declares neither an image (PNG, JPEG, GIF, WebP) nor a PDF'],
  ['image/svg+xml', png, 'the server declares neither an image (PNG, JPEG, GIF, WebP) nor a PDF'],
];
for (const [type, body, expected] of typed) {
  test(`declared ${type}, beginning with ${body.toString('hex', 0, 4)}: ${expected}`, async t => {
    const origin = await serve(t, (_, response) => {
      response.writeHead(200, type === undefined ? {} : { 'content-type': type }).end(body);
    });

    const found = await fetchMedia(origin, loopback, unhurried).then(
      ({ mediaType }) => mediaType,
      (error: Error) => error.message,
    );

    assert.equal(found, expected);
  });
}

for (const status of [201, 204, 206, 304, 400, 401, 403, 404, 500, 503]) {
  test(`status ${status} is no file`, async t => {
    const origin = await serve(t, (_, response) => response.writeHead(status, { 'content-type': 'image/png' }).end());

    assert.equal(await refusal(origin), `the server answered with status ${status}`);
  });
}

test('20 MiB are fetched, and one byte more is not, announced or not', async t => {
  const most = Buffer.concat([png], 20 * megabyte);
  const origin = await serve(t, (request, response) => {
    if (request.url === '/most') answer(response, most);
    else if (request.url === '/announced') {
      response.writeHead(200, { 'content-type': 'image/png', 'content-length': `${most.length + 1}` });
      response.write(png);
    } else {
      response.writeHead(200, { 'content-type': 'image/png' });
      response.write(most);
      response.end('x');
    }
  });

  assert.equal((await fetchMedia(`${origin}/most`, loopback, unhurried)).bytes.length, 20_971_520);
  assert.equal(await refusal(`${origin}/announced`), 'it is over 20971520 bytes');
  assert.equal(await refusal(`${origin}/streamed`), 'it is over 20971520 bytes');
});

const packers = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync };
for (const [coding, pack] of Object.entries(packers)) {
  test(`a file that comes in ${coding} unasked is unpacked, and a bomb is not`, async t => {
    const bomb = pack(Buffer.concat([png], 21 * megabyte));
    const origin = await serve(t, (request, response) => {
      const body = request.url === '/bomb' ? bomb : request.url === '/cut' ? pack(png).subarray(0, 8) : pack(png);
      answer(response, body, { 'content-encoding': coding });
    });
    let taken = 0;

    assert.deepEqual((await fetchMedia(origin, loopback, unhurried)).bytes, png);
    assert.equal(
      await refusal(`${origin}/bomb`, loopback, { ...unhurried, take: bytes => (taken += bytes) }),
      'it is over 20971520 bytes',
    );
    assert.ok(taken <= 20 * megabyte);
    assert.equal(await refusal(`${origin}/cut`), 'the server cannot be reached or broke off');
  });
}

test('a coding nobody knows, and bytes that are not what the coding says, are refused', async t => {
  const origin = await serve(t, (request, response) => {
    answer(response, png, { 'content-encoding': request.url!.slice(1) });
  });

  assert.equal(await refusal(`${origin}/compress`), 'the server packs it in a way that was not asked for');
  assert.equal(await refusal(`${origin}/constructor`), 'the server packs it in a way that was not asked for');
  assert.equal(await refusal(`${origin}/__proto__`), 'the server packs it in a way that was not asked for');
  assert.equal(await refusal(`${origin}/gzip`), 'the server cannot be reached or broke off');
  assert.deepEqual((await fetchMedia(`${origin}/identity`, loopback, unhurried)).bytes, png);
});

test('a server that breaks off, speaks no HTTP or has too long a head is refused without its address', async t => {
  const origin = await serve(t, (request, response) => {
    if (request.url === '/cut') {
      response.writeHead(200, { 'content-type': 'image/png', 'content-length': '100' });
      response.write(png);
      setImmediate(() => response.destroy());
    } else if (request.url === '/head') {
      response.writeHead(200, { 'content-type': 'image/png', 'x-long': 'x'.repeat(20_000) }).end(png);
    } else request.socket.end('SSH-2.0-OpenSSH_9.9\r\n');
  });
  const { port } = new URL(origin);

  for (const path of ['/cut', '/head', '/ssh']) {
    assert.equal(await refusal(`${origin}${path}`), 'the server cannot be reached or broke off', path);
  }
  assert.equal(
    await refusal(`http://127.0.0.1:${Number(port) === 1 ? 2 : 1}/`),
    'the server cannot be reached or broke off',
  );
});

test('a server that never answers, or sends slowly, is left when the time is over', async t => {
  let opened = () => {};
  const asked = () => new Promise<void>(resolve => (opened = resolve));
  const origin = await serve(t, (request, response) => {
    if (request.url === '/slow') {
      response.writeHead(200, { 'content-type': 'image/png' });
      response.write(png);
    }
    opened();
  });
  const left: Promise<unknown>[] = [];

  for (const path of ['/silent', '/slow']) {
    const late = new AbortController();
    const reached = asked();
    left.push(refusal(`${origin}${path}`, loopback, { ...unhurried, signal: late.signal }));
    await reached;
    late.abort(new FetchRefusal('too late'));
  }

  assert.deepEqual(await Promise.all(left), ['too late', 'too late']);
});

test('a resolver that hangs is left when the time is over, and nothing begins after it', async () => {
  const late = new AbortController();
  const hanging = {
    ...loopback,
    resolve: (_: string, signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('cancelled')))),
  };

  const fetched = refusal('http://slow.example/', hanging, { ...unhurried, signal: late.signal });
  late.abort(new FetchRefusal('too late'));

  assert.equal(await fetched, 'too late');
  assert.equal(await refusal('http://slow.example/', hanging, { ...unhurried, signal: late.signal }), 'too late');
});

test('a worker without room stops the fetch at once', async t => {
  const origin = await serve(t, (_, response) => answer(response, png));
  const take = () => {
    throw new NoRoomForMedia();
  };

  await assert.rejects(fetchMedia(origin, loopback, { ...unhurried, take }), NoRoomForMedia);
});

test('behind an outbound proxy only what is exempt is asked, on every redirect', async t => {
  let requests = 0;
  const origin = await serve(t, (_, response) => {
    requests += 1;
    response.writeHead(302, { location: 'http://other.example/' }).end();
  });
  const proxied = { ...loopback, isDirect: (url: URL) => url.hostname === '127.0.0.1' };
  const expected = 'addresses cannot be checked behind the outbound proxy; NO_PROXY may name the host';

  assert.equal(await refusal('http://other.example/', proxied), expected);
  assert.equal(requests, 0);
  assert.equal(await refusal(origin, proxied), expected);
  assert.equal(requests, 1);
});

test('over TLS the certificate must be of the name that was asked', async t => {
  const file = (name: string) => readFileSync(new URL(`../support/tls/${name}`, import.meta.url));
  const server = createTlsServer({ cert: file('one.pem'), key: file('one.key.pem') }, (request, response) => {
    if (request.url === '/down') response.writeHead(302, { location: 'http://127.0.0.1/' }).end();
    else answer(response, png);
  });
  const port = await listen(t, server, '127.0.0.1', 0);
  const secureContext = createSecureContext({ ca: file('ca.pem') });
  const trusting = { ...loopback, secureContext: () => secureContext, resolve: () => Promise.resolve(['127.0.0.1']) };

  assert.deepEqual((await fetchMedia(`https://localhost:${port}/`, trusting, unhurried)).bytes, png);
  assert.deepEqual((await fetchMedia(`https://127.0.0.1:${port}/`, trusting, unhurried)).bytes, png);
  assert.equal(await refusal(`https://other.example:${port}/`, trusting), 'the server cannot be reached or broke off');
  assert.equal(await refusal(`https://localhost:${port}/`), 'its host is not known');
  assert.equal(await refusal(`https://127.0.0.1:${port}/`), 'the server cannot be reached or broke off');
  assert.equal(
    await refusal(`https://localhost:${port}/down`, trusting),
    'the server redirects from https to something else',
  );
});
