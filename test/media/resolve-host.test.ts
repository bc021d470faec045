import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { FetchRefusal } from '../../src/media/fetch-refusal.ts';
import { resolveHost } from '../../src/media/resolve-host.ts';

const never = new AbortController().signal;
const typeA = 1;
const typeAaaa = 28;

interface NameServer {
  readonly address: string;
  readonly asked: string[];
  /** Resolves when it has been asked once. */
  readonly untilAsked: Promise<void>;
}

/** A name server that knows one answer for each type of record, and none for a type without one; silent ones say nothing. */
async function serveNames(
  t: TestContext,
  records: { readonly a?: readonly number[]; readonly aaaa?: readonly number[]; readonly silent?: true },
): Promise<NameServer> {
  const asked: string[] = [];
  let heard = () => {};
  const untilAsked = new Promise<void>(resolve => {
    heard = resolve;
  });
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const end = query.indexOf(0, 12) + 5;
    const type = query.readUInt16BE(end - 4);
    asked.push(`${type} ${query.toString('latin1', 13, end - 5)}`);
    heard();
    if (records.silent) return;
    const found = type === typeA ? records.a : type === typeAaaa ? records.aaaa : undefined;
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    // A response, with recursion; name error where there is nothing.
    head.writeUInt16BE(found === undefined ? 0x8183 : 0x8180, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(found === undefined ? 0 : 1, 6);
    const answer = found === undefined ? [] : [0xc0, 0x0c, 0, type, 0, 1, 0, 0, 0, 9, 0, found.length, ...found];
    socket.send(Buffer.concat([head, query.subarray(12, end), Buffer.from(answer)]), from.port, from.address);
  });
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve));
  t.after(() => socket.close());
  return { address: `127.0.0.1:${(socket.address() as AddressInfo).port}`, asked, untilAsked };
}

test('the addresses of both versions are found', async t => {
  const server = await serveNames(t, {
    a: [93, 184, 215, 14],
    aaaa: [0x26, 6, 0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  });

  const found = await resolveHost('pictures.example', never, [server.address]);

  assert.deepEqual(found, ['93.184.215.14', '2606:2800::1']);
  assert.equal(server.asked.length, 2);
});

test('a private answer is an answer, for the policy to judge', async t => {
  const server = await serveNames(t, { a: [10, 0, 0, 1] });

  assert.deepEqual(await resolveHost('pictures.example', never, [server.address]), ['10.0.0.1']);
});

test('a name without addresses is refused', async t => {
  const server = await serveNames(t, {});

  await assert.rejects(
    resolveHost('pictures.example', never, [server.address]),
    (error: unknown) => error instanceof FetchRefusal && error.message === 'its host is not known',
  );
});

test('the hosts file is not asked', async t => {
  const server = await serveNames(t, {});

  await assert.rejects(resolveHost('ip6-loopback', never, [server.address]), FetchRefusal);
});

test('a name server that says nothing is left when the time is over', async t => {
  const server = await serveNames(t, { silent: true });
  const late = new AbortController();
  const asked = resolveHost('pictures.example', late.signal, [server.address]);

  await server.untilAsked;
  late.abort(new FetchRefusal('too late'));

  await assert.rejects(asked, /too late/);
});
