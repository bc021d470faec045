import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { ConsoleFiles } from './console-files.ts';

suite('the console’s files', () => {
  let directory: string;
  let files: ConsoleFiles;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'carrier-console-'));
    mkdirSync(join(directory, 'assets'));
    writeFileSync(join(directory, 'index.html'), '<!doctype html>one');
    writeFileSync(join(directory, '.source'), 'hash');
    writeFileSync(join(directory, 'assets/main-a1.js'), 'console.log(1)');
    writeFileSync(join(directory, 'assets/main-a1.js.br'), 'packed');
    writeFileSync(join(directory, 'assets/main-a1.js.gz'), 'zipped');
    files = new ConsoleFiles(directory);
  });
  after(() => rmSync(directory, { recursive: true }));

  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    files.answer(new Request(`http://localhost${path}`, { method, headers }));

  test('are pages at every path without an extension, and a file where there is one', async () => {
    for (const path of ['/console/', '/console/traffic', '/console/traffic/0199?tab=losses']) {
      const answer = ask(path)!;
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8');
      assert.equal(answer.headers.get('cache-control'), 'no-cache');
      assert.equal(await answer.text(), '<!doctype html>one');
    }
    const script = ask('/console/assets/main-a1.js')!;
    assert.equal(script.headers.get('content-type'), 'text/javascript; charset=utf-8');
    assert.equal(script.headers.get('cache-control'), 'public, max-age=31536000, immutable');
    assert.equal(await script.text(), 'console.log(1)');
    assert.equal(ask('/console')!.headers.get('location'), '/console/');
    assert.equal(ask('/console/assets/gone-b2.js')!.status, 404);
    assert.equal(ask('/api/v1/status'), undefined);
    assert.equal(ask('/consoles'), undefined);
  });

  test('are never what lies beside them, hidden, or a packed copy under its own name', () => {
    for (const path of [
      '/console/..%2f..%2fetc%2fpasswd',
      '/console/..%2fmetrics',
      '/console/traffic%00',
      '/console/.source',
    ]) {
      assert.equal(ask(path)!.status, 404, path);
    }
    assert.equal(ask('/console/%2e%2e/package.json'), undefined);
    assert.equal(ask('/console/assets/../../x'), undefined);
    assert.equal(ask('/console/assets/main-a1.js.br')!.status, 404);
  });

  test('come packed to whoever takes that, once, until they change', async () => {
    const packed = ask('/console/assets/main-a1.js', { 'accept-encoding': 'gzip, deflate, br' })!;
    assert.equal(packed.headers.get('content-encoding'), 'br');
    assert.equal(await packed.text(), 'packed');
    const zipped = ask('/console/assets/main-a1.js', { 'accept-encoding': 'gzip, br;q=0' })!;
    assert.equal(zipped.headers.get('content-encoding'), 'gzip');
    const plain = ask('/console/assets/main-a1.js', { 'accept-encoding': 'identity' })!;
    assert.equal(plain.headers.get('content-encoding'), null);
    const etags = [packed, zipped, plain].map(answer => answer.headers.get('etag')!);
    assert.equal(new Set(etags).size, 3);
    const again = ask('/console/assets/main-a1.js', { 'accept-encoding': 'br', 'if-none-match': etags[0]! })!;
    assert.equal(again.status, 304);

    const head = ask('/console/', {}, 'HEAD')!;
    assert.equal(head.headers.get('content-length'), '18');
    assert.equal(await head.text(), '');
    assert.equal(ask('/console/', {}, 'POST')!.status, 405);
  });

  test('let a page run nothing inline, load nothing from elsewhere and be framed by nobody', () => {
    const { headers } = ask('/console/')!;
    assert.equal(
      headers.get('content-security-policy'),
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    );
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('referrer-policy'), 'no-referrer');
  });

  test('are read again when a build has put others in their place', async () => {
    writeFileSync(join(directory, 'index.html'), '<!doctype html>two');
    utimesSync(join(directory, 'index.html'), 2_000_000_000, 2_000_000_000);
    assert.equal(await ask('/console/')!.text(), '<!doctype html>two');
  });

  test('say that they are being built while there are none', async () => {
    const none = new ConsoleFiles(join(directory, 'none'));
    const answer = none.answer(new Request('http://localhost/console/'))!;
    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /is being built/);
  });
});
