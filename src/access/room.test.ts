import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Fault } from '../completion/fault.ts';
import { BoundedWork } from './bounded-work.ts';
import { callerOf, isReached } from './caller.ts';
import { fromColumns, refuseGrant, toColumns, toGrant, writtenGrant } from './grants.ts';
import { hashPassword, refusePassword, verifyPassword } from './password.ts';
import { permissions, permissionTable, roleHas } from './permissions.ts';
import { networkOf } from './throttle.ts';
import { mintToken, readToken } from './tokens.ts';
import { mintTotpSecret, totpCode, totpStepOf, totpUri } from './totp.ts';

const someone = { kind: 'user', id: 'u_1', name: 'dev@acme.example' } as const;

suite('permissions', () => {
  test('the operator has every permission and the provider one', () => {
    assert.ok(permissions.every(permission => roleHas('operator', permission)));
    assert.deepEqual(
      permissions.filter(permission => roleHas('provider', permission)),
      ['performance.read'],
    );
  });

  test('the auditor changes nothing', () => {
    const held = permissions.filter(permission => roleHas('auditor', permission));
    assert.ok(held.length > 15);
    assert.deepEqual(
      held.filter(permission => !permission.endsWith('.read')),
      [],
    );
  });

  test('what changes money, prices or the installation is the operator’s alone', () => {
    for (const permission of [
      'wallets.write',
      'prices.write',
      'ledger.write',
      'configuration.write',
      'users.write',
    ] as const) {
      assert.deepEqual(permissionTable[permission].roles, ['operator'], permission);
    }
  });
});

suite('callers', () => {
  test('a developer of two projects may there, and neither in the third nor in the organisation', () => {
    const caller = callerOf(someone, [
      { at: 'organisation', role: 'developer', organisation: 'acme', projects: ['api', 'web'] },
    ]);

    assert.equal(caller.may('keys.create', 'acme', 'web'), true);
    assert.equal(caller.may('keys.create', 'acme', 'batch'), false);
    assert.equal(caller.may('keys.create', 'acme'), false);
    assert.equal(caller.may('keys.create', 'evil', 'web'), false);
    assert.equal(caller.may('keys.create'), false);
    assert.equal(caller.may('keys.create', null), false);
    assert.equal(caller.may('budgets.write', 'acme', 'web'), false);
    assert.deepEqual(caller.reach('keys.read'), { organisations: [], projects: ['acme/api', 'acme/web'] });
    assert.equal(caller.knows('acme'), true);
    assert.equal(caller.knows('evil'), false);
  });

  test('roles in several places add up, and a whole organisation holds its projects', () => {
    const caller = callerOf(someone, [
      { at: 'organisation', role: 'developer', organisation: 'acme', projects: ['web'] },
      { at: 'organisation', role: 'owner', organisation: 'acme' },
      { at: 'organisation', role: 'billing', organisation: 'beta' },
    ]);

    assert.deepEqual(caller.reach('keys.read'), { organisations: ['acme', 'beta'], projects: [] });
    assert.deepEqual(caller.organisations('keys.create'), new Set(['acme']));
    assert.equal(caller.may('budgets.write', 'beta'), true);
    assert.equal(caller.may('keys.create', 'beta'), false);
  });

  test('an operator reaches everything, nobody nothing', () => {
    const operator = callerOf(someone, [{ at: 'installation', role: 'operator' }]);
    const nobody = callerOf(someone, []);

    assert.equal(operator.reach('ledger.read'), 'all');
    assert.equal(operator.providers('performance.read'), 'all');
    assert.equal(operator.may('ledger.write'), true);
    assert.deepEqual(nobody.reach('keys.read'), { organisations: [], projects: [] });
    assert.deepEqual(nobody.organisations('models.read'), new Set());
  });

  test('a provider sees its own accounts and no organisation', () => {
    const caller = callerOf(someone, [{ at: 'provider', role: 'provider', providers: ['openai'] }]);

    assert.deepEqual(caller.providers('performance.read'), new Set(['openai']));
    assert.deepEqual(caller.reach('performance.read'), { organisations: [], projects: [] });
    assert.equal(caller.may('performance.read', 'openai'), false);
  });

  test('a name that begins like a reached one is not reached', () => {
    const reach = { organisations: ['acme'], projects: ['beta/web'] };

    assert.equal(isReached(reach, { organisation: 'acme-2', project: 'acme-2/web' }), false);
    assert.equal(isReached(reach, { organisation: 'beta', project: 'beta/web2' }), false);
    assert.equal(isReached(reach, { organisation: 'beta', project: 'beta/web' }), true);
    assert.equal(isReached(reach, { organisation: 'beta' }), false);
  });
});

suite('grants', () => {
  test('parts that do not go together are refused by what is wrong', () => {
    assert.equal(refuseGrant({ role: 'operator', organisation: 'acme' }), 'operator is not a role in an organisation');
    assert.equal(refuseGrant({ role: 'owner' }), 'owner is a role in an organisation; name it');
    assert.equal(refuseGrant({ role: 'auditor', projects: ['web'] }), 'projects need their organisation');
    assert.equal(refuseGrant({ role: 'owner', organisation: 'acme', projects: [] }), 'projects must name one at least');
    assert.equal(
      refuseGrant({ role: 'owner', organisation: 'acme', providers: ['openai'] }),
      'providers go with the role provider, not owner',
    );
    assert.equal(refuseGrant({ role: 'provider' }), 'provider needs provider accounts');
    assert.equal(refuseGrant({ role: 'auditor' }), undefined);
    assert.equal(refuseGrant({ role: 'auditor', organisation: 'acme' }), undefined);
  });

  test('what is written comes back from the columns of a row', () => {
    const grant = toGrant({ role: 'developer', organisation: 'acme', projects: ['web', 'api', 'web'] });

    assert.deepEqual(writtenGrant(grant), { role: 'developer', organisation: 'acme', projects: ['api', 'web'] });
    assert.deepEqual(fromColumns(toColumns(grant)), grant);
  });

  test('a row of a role that is not known, or not possible, grants nothing', () => {
    const nowhere = { organisation: null, projects: null, providers: null };

    assert.equal(fromColumns({ role: 'emperor', ...nowhere }), undefined);
    assert.equal(fromColumns({ role: 'owner', ...nowhere }), undefined);
    assert.equal(fromColumns({ role: null, ...nowhere }), undefined);
    assert.equal(fromColumns({ role: 'developer', organisation: 'acme', projects: [], providers: null }), undefined);
  });
});

suite('tokens', () => {
  test('a token says its kind and id, and nothing else is one', () => {
    const token = mintToken('cca');

    assert.match(token.text, /^cca_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}$/);
    assert.deepEqual(readToken(token.text), token);
    for (const text of ['', 'cca_', `${token.text}x`, token.text.slice(1), token.text.replace('cca', 'cck')]) {
      assert.equal(readToken(text), undefined);
    }
  });
});

suite('second factors', () => {
  // RFC 6238, appendix B: the secret is `12345678901234567890`; its eight digits end in these six.
  const rfcSecret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';

  test('codes are those of RFC 6238', () => {
    assert.equal(totpCode(rfcSecret, 59_000), '287082');
    assert.equal(totpCode(rfcSecret, 1_111_111_109_000), '081804');
    assert.equal(totpCode(rfcSecret, 1_111_111_111_000), '050471');
    assert.equal(totpCode(rfcSecret, 1_234_567_890_000), '005924');
    assert.equal(totpCode(rfcSecret, 2_000_000_000_000), '279037');
    assert.equal(totpCode(rfcSecret, 20_000_000_000_000), '353130');
  });

  test('a code counts one step early and late, and not two', () => {
    const atMs = 1_234_567_890_000;
    const code = totpCode(rfcSecret, atMs);

    assert.equal(totpStepOf(rfcSecret, code, atMs), 41_152_263);
    assert.equal(totpStepOf(rfcSecret, code, atMs + 30_000), 41_152_263);
    assert.equal(totpStepOf(rfcSecret, code, atMs - 30_000), 41_152_263);
    assert.equal(totpStepOf(rfcSecret, code, atMs + 60_000), undefined);
    assert.equal(totpStepOf(rfcSecret, code, atMs - 60_000), undefined);
    for (const wrong of ['', '00592', '0059240', 'abcdef', ' 05924']) {
      assert.equal(totpStepOf(rfcSecret, wrong, atMs), undefined);
    }
  });

  test('a secret has 160 bits, and its address names account and issuer', () => {
    assert.match(mintTotpSecret(), /^[A-Z2-7]{32}$/);
    assert.equal(
      mintTotpSecret(() => Buffer.from('12345678901234567890')),
      rfcSecret,
    );
    assert.equal(
      totpUri('ABC', { issuer: 'Common Carrier', account: 'a@b.example' }),
      'otpauth://totp/Common%20Carrier:a%40b.example?secret=ABC&issuer=Common%20Carrier',
    );
  });
});

suite('passwords', () => {
  test('short, common, repeated and own ones are refused, long ones are not', () => {
    assert.equal(refusePassword('elevenchars'), 'A password has 12 characters or more.');
    assert.equal(refusePassword('Password1234'), 'This password is among the commonest; choose another.');
    assert.equal(refusePassword('abababababababab'), 'A password has five different characters or more.');
    assert.equal(
      refusePassword('dev@acme.example', ['Dev@acme.example']),
      'A password is not the name or the address of its owner.',
    );
    assert.equal(refusePassword('x'.repeat(257)), 'A password has at most 256 characters.');
    assert.equal(refusePassword('quiet river stones'), undefined);
    assert.equal(refusePassword('ßüñ日本語 lange sätze'), undefined);
  });

  test('a password verifies against its hash, another does not, and against no hash nothing does', async () => {
    const hash = await hashPassword('quiet river stones');

    assert.match(hash, /^argon2id\$47104\$2\$1\$[^$]{24}\$[^$]{44}$/);
    assert.equal(await verifyPassword('quiet river stones', hash), true);
    assert.equal(await verifyPassword('quiet river stonez', hash), false);
    assert.equal(await verifyPassword('', hash), false);
    assert.equal(await verifyPassword('quiet river stones', null), false);
    await assert.rejects(hashPassword('short'), { code: 'password_refused' });
  });
});

suite('bounded work', () => {
  test('two run, one waits, the next is refused, and places are handed over', async () => {
    const work = new BoundedWork({ atOnceMax: 2, waitingMax: 1 });
    const gates = [0, 1, 2].map(() => Promise.withResolvers<void>());
    const begun: number[] = [];
    const run = (index: number) =>
      work.run(async () => {
        begun.push(index);
        await gates[index]!.promise;
      });

    const running = [run(0), run(1), run(2)];
    await assert.rejects(run(2), (error: Fault) => error.code === 'login_busy');
    assert.deepEqual(begun, [0, 1]);

    gates[1]!.resolve();
    await running[1];
    assert.deepEqual(begun, [0, 1, 2]);
    gates[0]!.resolve();
    gates[2]!.resolve();
    await Promise.all(running);
  });
});

suite('throttled networks', () => {
  test('an address of IPv6 counts as its /64, one of IPv4 as itself', () => {
    assert.equal(networkOf('203.0.113.9'), '203.0.113.9');
    assert.equal(networkOf('::ffff:203.0.113.9'), '203.0.113.9');
    assert.equal(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2');
    assert.equal(networkOf('2001:DB8:1:2::6'), '2001:db8:1:2');
    assert.equal(networkOf('::1'), '0:0:0:0');
    assert.equal(networkOf(''), '');
  });
});
