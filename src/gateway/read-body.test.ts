import assert from 'node:assert/strict';
import { once } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { Fault } from '../completion/fault.ts';
import { Deadlines } from './deadlines.ts';
import { readBody } from './read-body.ts';
import { dataPlaneLimitsDefault } from './settings.ts';

const settings = {
  host: '127.0.0.1',
  port: 0,
  tls: undefined,
  adminSocket: undefined,
  proxy: { httpsProxy: undefined, noProxy: undefined },
};

/** A body on its way in, on a clock that moves only when told; a second of silence is too much. */
function reading(coding: string) {
  let nowMs = 0;
  const deadlines = new Deadlines({ nowMs: () => nowMs, monotonicMs: () => nowMs });
  const request = new IncomingMessage(new Socket());
  Object.assign(request.headers, { 'content-type': 'application/json', 'content-encoding': coding });
  const limits = { ...dataPlaneLimitsDefault, bodyIdleTimeoutMs: 1_000 };
  const body = readBody(
    {
      request,
      response: new ServerResponse(request),
      connection: { openAnswers: 1, isBroken: false, failBody: undefined },
      body: undefined,
    },
    { deadlines, settings: { ...settings, limits } },
  );
  return {
    request,
    body,
    wait: (ms: number) => {
      nowMs += ms;
      deadlines.tick();
    },
    watched: () => deadlines.size,
  };
}

const good = Buffer.from('{"model":"gpt-5"}');

suite('the deadline of a body', () => {
  test('a body that came whole is unpacked however long it takes us', async () => {
    const { request, body, wait, watched } = reading('br');
    request.push(brotliCompressSync(good));
    request.complete = true;
    request.push(null);
    await once(request, 'end');

    wait(60_000);

    assert.deepEqual(await body, good);
    assert.equal(watched(), 0);
  });

  test('a client that is not read while what it sent is unpacked is not late, and is again once it may go on', async () => {
    const { request, body, wait } = reading('gzip');
    const packed = gzipSync(Buffer.alloc(200_000, 'x'), { level: 0 });
    request.push(packed.subarray(0, 100_000));
    await once(request, 'pause');

    wait(60_000);
    await once(request, 'resume');
    wait(1_000);

    await assert.rejects(body, (fault: unknown) => fault instanceof Fault && fault.code === 'request_timeout');
  });

  test('a packed body that stops half-way is late', async () => {
    const { request, body, wait, watched } = reading('gzip');
    request.push(gzipSync(good).subarray(0, 12));
    await once(request, 'data');

    wait(999);
    wait(1);

    await assert.rejects(body, (fault: unknown) => fault instanceof Fault && fault.code === 'request_timeout');
    assert.equal(watched(), 0);
  });
});
