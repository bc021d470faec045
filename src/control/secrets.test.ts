import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { mintHandle, mintKeySecret, refuseSecret } from './key-secret.ts';
import { createSealer, masterKeyFingerprint } from './seal.ts';
import { adminKeyPath, ensureAdminKey, ensureMasterKey, masterKeyPath, readSecretFile } from './secret-files.ts';

const directory = mkdtempSync(join(tmpdir(), 'carrier-secrets-'));
after(() => rmSync(directory, { recursive: true }));
const masterKey = 'm'.repeat(32);

test('a sealed secret opens in its own place under its own master key, and nowhere else', () => {
  const sealer = createSealer(masterKey);
  const sealed = sealer.seal('sk-secret', 'provider:openai');

  assert.equal(sealer.open(sealed, 'provider:openai'), 'sk-secret');
  assert.equal(createSealer(masterKey).open(sealed, 'provider:openai'), 'sk-secret');
  assert.doesNotMatch(Buffer.from(sealed.slice(3), 'base64url').toString('latin1'), /sk-secret/);
  assert.notEqual(sealer.seal('sk-secret', 'provider:openai'), sealed);
  assert.throws(() => sealer.open(sealed, 'provider:other'), /does not open/);
  assert.throws(() => createSealer('n'.repeat(32)).open(sealed, 'provider:openai'), /does not open/);
  for (const broken of ['', 'v1.', 'v2.AAAA', sealed.slice(0, -4), `${sealed.slice(0, -4)}AAAA`, 'v1.AAAA']) {
    assert.throws(() => sealer.open(broken, 'provider:openai'), broken);
  }
});

test('what is derived from the master key never changes, since databases hold it', () => {
  const sealer = createSealer(masterKey);

  assert.equal(sealer.digestSecret('secret'), '21840520e072e046c5c4a4f31d97f09a3114cfe43f8d468f9a2f89d368935b46');
  assert.equal(masterKeyFingerprint(masterKey), '9376365712b31b161ea6f0aef647fd50');
  assert.notEqual(sealer.fingerprintOf('secret'), sealer.digestSecret('secret').slice(0, 16));
});

test('minted names are of their form and use every digit', () => {
  const secrets = Array.from({ length: 200 }, () => mintKeySecret('Ab12Cd34'));

  for (const secret of secrets) assert.match(secret, /^cck_Ab12Cd34_[0-9A-Za-z]{43}$/);
  assert.equal(new Set(secrets).size, 200);
  assert.equal(new Set(secrets.map(secret => secret.slice(13)).join('')).size, 62);
  assert.match(mintHandle(), /^d_[0-9A-Za-z]{24}$/);
});

test('bytes that would favour some digits are thrown away', () => {
  let calls = 0;
  const random = (count: number) => Buffer.alloc(count, calls++ === 0 ? 255 : 1);

  assert.equal(mintKeySecret('x', random), `cck_x_${'1'.repeat(43)}`);
});

test('a secret that is short, long or cannot travel in a header is refused without being repeated', () => {
  for (const secret of [
    'x'.repeat(31),
    'x'.repeat(513),
    `${'x'.repeat(40)} `,
    `${'x'.repeat(40)}é`,
    `${'x'.repeat(40)}\n`,
  ]) {
    const refusal = refuseSecret(secret);
    assert.ok(refusal !== undefined);
    assert.doesNotMatch(refusal, /xxx/);
  }
  assert.equal(refuseSecret('x'.repeat(32)), undefined);
});

test('keys of an installation are made once, for their owner only, and given ones are never written', () => {
  const made = ensureMasterKey(directory, undefined);
  assert.equal(ensureMasterKey(directory, undefined), made);
  assert.equal(made.length, 43);
  assert.match(ensureAdminKey(directory, undefined), /^cca_/);
  assert.equal(statSync(masterKeyPath(directory)).mode & 0o777, 0o600);
  assert.equal(readFileSync(masterKeyPath(directory), 'utf8'), `${made}\n`);
  assert.deepEqual(readdirSync(directory).sort(), ['admin.key', 'master.key']);
  const empty = join(directory, 'empty');
  assert.equal(ensureMasterKey(empty, 'given'.repeat(8)), 'given'.repeat(8));
  assert.equal(readSecretFile(masterKeyPath(empty)), undefined);
});

test('a key file that others could read is closed, and one that cannot be a key is refused', () => {
  chmodSync(adminKeyPath(directory), 0o644);
  ensureAdminKey(directory, undefined);
  assert.equal(statSync(adminKeyPath(directory)).mode & 0o777, 0o600);
  writeFileSync(adminKeyPath(directory), 'short\n');
  assert.throws(() => ensureAdminKey(directory, undefined), /fewer than 32/);
});
