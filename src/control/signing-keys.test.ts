import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planContext, planText, testMasterKey, testNowMs } from '../../test/support/control.ts';
import { loadSnapshot } from '../snapshot/load.ts';
import { compileSnapshot } from './compile.ts';
import { exportConfiguration } from './export.ts';
import { planApply } from './plan.ts';
import { readContent } from './read-declaration.ts';
import { type Configuration, emptyConfiguration, type KeyResource, resourcesOf } from './resources.ts';
import { createSealer, keySecretContext } from './seal.ts';

const secret = 'cck_sign0001_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';
const other = 'cck_other001_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';
const variables = { SECRET: secret, OTHER: other };
const sealer = createSealer(testMasterKey);

const fileWith = (key: object) => ({ organisations: { acme: { projects: { web: { keys: { ci: key } } } } } });

function plan(key: object, stored: Configuration = emptyConfiguration, minted = false) {
  const context = {
    ...planContext(variables),
    mintedKeys: new Map(minted ? [['acme/web/ci', { id: 'sign0001', secret }]] : []),
  };
  const locate = (path: readonly PropertyKey[], problem: object) => ({ ...problem, path: path.join('.') }) as never;
  return planApply(readContent(fileWith(key), locate), stored, { prune: false }, context);
}

function keyOf({ next }: { readonly next: Configuration }): KeyResource {
  return resourcesOf(next, 'key')[0]!;
}

function snapshotOf({ next }: { readonly next: Configuration }) {
  return compileSnapshot(next, { compiledAt: '2026-09-01T00:00:00Z', sandboxBaseUrl: 'unix:/x' });
}

test('a key that signs keeps its secret sealed, and every other key a digest alone', () => {
  const signing = keyOf(plan({ secret: 'env:SECRET', sigv4: true }));
  const plain = keyOf(plan({ secret: 'env:SECRET' }));

  assert.equal(sealer.open(signing.secretSealed!, keySecretContext(signing.digest)), secret);
  assert.throws(() => sealer.open(signing.secretSealed!, keySecretContext(sealer.digestSecret(other))), /not open/);
  assert.equal(plain.secretSealed, undefined);
  assert.doesNotMatch(JSON.stringify([signing, plain]), /cck_/);
});

test('a key that the server makes signs from the start or never, since nobody knows its secret later', () => {
  const made = plan({ sigv4: true }, emptyConfiguration, true);
  const plain = plan({}, emptyConfiguration, true);

  assert.equal(sealer.open(keyOf(made).secretSealed!, keySecretContext(keyOf(made).digest)), secret);
  const [problem] = plan({ sigv4: true }, plain.next).problems;
  assert.match(problem!.message, /only a digest of its secret is kept.*keys create --sigv4/);
  assert.deepEqual(plan({ secret: 'env:SECRET', sigv4: true }, plain.next).problems, []);
});

test('what is applied again changes nothing, and taking the mark away forgets the secret', () => {
  const first = plan({ secret: 'env:SECRET', sigv4: true });
  const again = plan({ secret: 'env:SECRET', sigv4: true }, first.next);
  const unmarked = plan({ secret: 'env:SECRET' }, first.next);

  assert.deepEqual(again.changes, []);
  assert.deepEqual(unmarked.changes[0]?.fields, [{ path: 'sigv4', before: 'true' }]);
  assert.doesNotMatch(JSON.stringify([...unmarked.next.resources]), /secretSealed/);
});

test('no secret that was rotated away stays sealed once the mark is gone or its time was over', () => {
  const { next } = plan({ secret: 'env:SECRET', sigv4: true });
  const key = keyOf({ next });
  const previous = [{ digest: 'd-before', until: '2026-09-02T00:00:00.000Z', secretSealed: key.secretSealed! }];
  const stored = { ...next, resources: new Map(next.resources).set(`key:${key.id}`, { ...key, previous }) };

  assert.deepEqual(keyOf(plan({ secret: 'env:SECRET', sigv4: true }, stored)).previous, previous);
  assert.deepEqual(keyOf(plan({ secret: 'env:SECRET' }, stored)).previous, [
    { digest: 'd-before', until: '2026-09-02T00:00:00.000Z' },
  ]);
});

test('the snapshot has the secret sealed, and finds a signer by the id that the key shows', () => {
  const json = snapshotOf(plan({ secret: 'env:SECRET', sigv4: true }));
  const snapshot = loadSnapshot(json);
  const signer = snapshot.findSigner('sign0001')!;

  assert.deepEqual(
    signer.secrets.map(each => [
      each.principal.key,
      each.digest,
      sealer.open(each.sealed, keySecretContext(each.digest)),
    ]),
    [['sign0001', sealer.digestSecret(secret), secret]],
  );
  assert.doesNotMatch(JSON.stringify(json), /cck_/);
  const plain = loadSnapshot(snapshotOf(plan({ secret: 'env:SECRET' })));
  assert.deepEqual([plain.findSigner('sign0001')?.secrets, plain.findSigner('nobody00')], [[], undefined]);
});

test('an export says that a key signs, and neither its secret nor what it is sealed to', () => {
  const { next } = plan({ secret: 'env:SECRET', sigv4: true });
  const text = exportConfiguration(next, testNowMs);

  assert.match(text, /ci:\n\s+secret: env:SECRET\n\s+sigv4: true\n/);
  assert.doesNotMatch(text, /cck_|v[12]\./);
  assert.deepEqual(planText(text, next, { context: planContext(variables) }).changes, []);
});
