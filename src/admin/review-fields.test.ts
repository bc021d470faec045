import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callerOf, type Grant } from '../access/caller.ts';
import type { Role } from '../access/permissions.ts';
import type { ManagedKind, ManagedResource } from '../control/resource-documents.ts';
import { permissionsFor } from './authorise.ts';
import { reviewFields } from './review-fields.ts';

const before = { kind: 'organisation', id: 'acme' } as ManagedResource; // no more of it is looked at

function verdict(role: Role, kind: ManagedKind, name: string, fields: readonly string[], created = false): string {
  const grant = (
    role === 'operator' ? { at: 'installation', role } : { at: 'organisation', role, organisation: 'acme' }
  ) as Grant; // true: roles as they are granted
  const caller = callerOf({ kind: 'user', id: 'u', name: 'u' }, [grant]);
  try {
    reviewFields(kind, caller, name)({ before: created ? undefined : before, fields });
    return 'may';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

test('who may change a resource may not for that reason change what others answer for', () => {
  const cases: readonly (readonly [Role, ManagedKind, string, readonly string[], string])[] = [
    ['operator', 'organisation', 'acme', ['terms', 'creditLimit', 'budget', 'limits'], 'may'],
    ['owner', 'organisation', 'acme', ['usageTags', 'budget', 'limits'], 'may'],
    ['owner', 'organisation', 'acme', ['terms'], 'permission_denied'],
    ['owner', 'organisation', 'acme', ['creditLimit'], 'permission_denied'],
    ['owner', 'organisation', 'globex', ['budget'], 'resource_not_found'],
    ['owner', 'key', 'acme/web/ci', ['secret'], 'permission_denied'],
    ['developer', 'key', 'acme/web/ci', ['tags', 'addresses', 'allow', 'revoked'], 'may'],
    ['developer', 'key', 'acme/web/ci', ['budget'], 'permission_denied'],
    ['developer', 'key', 'acme/web/ci', ['limits'], 'permission_denied'],
    ['developer', 'key', 'acme/web/ci', ['secret'], 'permission_denied'],
    ['billing', 'project', 'acme/web', ['budget'], 'may'],
    ['billing', 'project', 'acme/web', ['limits'], 'permission_denied'],
  ];
  for (const [role, kind, name, fields, expected] of cases) {
    assert.equal(verdict(role, kind, name, fields), expected, `${role}: ${kind} ${fields.join(', ')}`);
  }
});

test('a body of fields that others answer for takes their permissions instead, and any other the usual one', () => {
  const access = { permission: 'projects.write', fields: { budget: 'budgets.write', limits: 'limits.write' } } as const;

  assert.deepEqual(permissionsFor(access, { budget: null }), ['budgets.write']);
  assert.deepEqual(permissionsFor(access, { budget: null, limits: null }), ['budgets.write', 'limits.write']);
  assert.deepEqual(permissionsFor(access, { budget: null, allow: [] }), ['projects.write']);
  for (const body of [{}, undefined, null, 'budget', { toString: 1 }]) {
    assert.deepEqual(permissionsFor(access, body), ['projects.write']);
  }
});

test('a PUT that creates needs what creating needs', () => {
  assert.equal(verdict('operator', 'organisation', 'acme', [], true), 'may');
  assert.equal(verdict('owner', 'organisation', 'acme', [], true), 'permission_denied');
  assert.equal(verdict('owner', 'project', 'acme/new', [], true), 'may');
  assert.equal(verdict('developer', 'project', 'acme/new', [], true), 'permission_denied');
});
