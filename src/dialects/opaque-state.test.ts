import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  envelopeLettersMax,
  isEnvelope,
  isSameMaker,
  modelFamily,
  type OpaqueState,
  opaqueBytesMax,
  StateSeal,
} from './opaque-state.ts';

const seal = new StateSeal(createSecretKey(Buffer.alloc(32, 7)));
const maker = { dialect: 'anthropic-messages', kind: 'anthropic', targetModel: 'claude-x' } as const;

const opaque: fc.Arbitrary<OpaqueState> = fc.record({
  maker: fc.record({
    dialect: fc.constantFrom('anthropic-messages' as const, 'openai-chat' as const),
    kind: fc.string(),
    targetModel: fc.string(),
  }),
  state: fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
  text: fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
  redacted: fc.boolean(),
});

function ordered({ maker: made, redacted, state, text }: OpaqueState): OpaqueState {
  const { dialect, kind, targetModel } = made;
  return { maker: { dialect, kind, targetModel }, redacted, state, text };
}

test('what is sealed opens as it was, for its organisation', () => {
  fc.assert(
    fc.property(opaque, fc.string(), (state, organisation) => {
      const wellFormed = JSON.stringify(state).isWellFormed();
      fc.pre(wellFormed);
      const envelope = seal.seal(state, organisation)!;

      assert.deepEqual(JSON.stringify(seal.open(envelope, organisation)), JSON.stringify(ordered(state)));
      assert.ok(isEnvelope(envelope));
      assert.equal(Buffer.from(envelope, 'base64').toString('base64'), envelope);
    }),
  );
});

test('a change of any byte or letter is refused', () => {
  const envelope = seal.seal({ maker, state: 'EqQB', text: 'hm', redacted: false }, 'acme')!;
  const bytes = Buffer.from(envelope, 'base64');
  for (let at = 0; at < bytes.length; at += 1) {
    for (const bit of [1, 0x80]) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= bit;
      assert.equal(seal.open(changed.toString('base64'), 'acme'), undefined, `byte ${at}`);
    }
  }
  for (let at = 0; at < envelope.length; at += 1) {
    const letter = envelope[at] === 'A' ? 'B' : 'A';
    assert.equal(seal.open(envelope.slice(0, at) + letter + envelope.slice(at + 1), 'acme'), undefined, `letter ${at}`);
    assert.equal(seal.open(`${envelope.slice(0, at)} ${envelope.slice(at)}`, 'acme'), undefined, `space at ${at}`);
    assert.equal(seal.open(envelope.slice(0, at), 'acme'), undefined, `cut at ${at}`);
  }
  assert.equal(seal.open(`${envelope}AAAA`, 'acme'), undefined);
  assert.equal(seal.open(`${envelope}=`, 'acme'), undefined);
  assert.equal(seal.open(envelope, 'acme')?.state, 'EqQB');
});

test('another organisation, another master key and anything else open nothing', () => {
  const envelope = seal.seal({ maker, state: 's', text: undefined, redacted: false }, 'acme')!;
  const other = new StateSeal(createSecretKey(Buffer.alloc(32, 8)));

  assert.equal(seal.open(envelope, 'other'), undefined);
  assert.equal(seal.open(envelope, ''), undefined);
  assert.equal(other.open(envelope, 'acme'), undefined);
  fc.assert(
    fc.property(fc.string(), text => {
      assert.equal(seal.open(text, 'acme'), undefined);
      assert.equal(seal.open(`carrier1${text}`, 'acme'), undefined);
      assert.equal(seal.open(`carrier1${Buffer.from(text).toString('base64')}`, 'acme'), undefined);
    }),
  );
});

test('the same state is never sealed to the same envelope', () => {
  const state = { maker, state: 's', text: undefined, redacted: false };
  assert.notEqual(seal.seal(state, 'acme'), seal.seal(state, 'acme'));
});

test('an envelope shows nothing of what is in it, nor how well it compresses', () => {
  const quiet = seal.seal({ maker, state: 'secret-signature', text: 'a'.repeat(1000), redacted: false }, 'acme')!;
  const loud = seal.seal(
    { maker, state: 'secret-signature', text: 'The quick brown'.padEnd(1000, 'xyz'), redacted: false },
    'acme',
  )!;

  assert.equal(quiet.length, loud.length);
  assert.ok(quiet.length > 1000, 'no fewer bytes than the text it may become');
  assert.doesNotMatch(Buffer.from(quiet, 'base64').toString('latin1'), /secret|claude|anthropic|aaaa/);
});

test('state over its bound is not sealed, and an envelope over its bound is not opened', () => {
  const sized = (bytes: number) =>
    seal.seal({ maker, state: 's'.repeat(bytes), text: undefined, redacted: false }, 'acme');

  assert.ok(sized(opaqueBytesMax) !== undefined);
  assert.equal(sized(opaqueBytesMax + 1), undefined);
  // Escaped, a control character is six letters.
  assert.equal(
    seal.seal({ maker, state: '\u0001'.repeat(opaqueBytesMax), text: undefined, redacted: false }, 'acme'),
    undefined,
  );
  assert.equal(seal.open(`carrier1${'A'.repeat(envelopeLettersMax)}`, 'acme'), undefined);
});

test('a model is the same on every platform and on every day of its snapshot', () => {
  for (const name of [
    'claude-sonnet-4-5',
    'claude-sonnet-4-5-20250929',
    'claude-sonnet-4-5@20250929',
    'claude-sonnet-4-5-latest',
    'anthropic/claude-sonnet-4-5',
    'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    'Claude-Sonnet-4-5',
  ]) {
    assert.equal(modelFamily(name), 'claude-sonnet-4-5', name);
  }
  assert.equal(modelFamily('gpt-4o-2024-08-06'), 'gpt-4o');
  assert.notEqual(modelFamily('claude-sonnet-5'), modelFamily('claude-sonnet-5-5'));
});

test('state goes back to the model that made it, and to no other', () => {
  const chat = { dialect: 'openai-chat', kind: 'deepseek', targetModel: 'deepseek-v4' } as const;

  assert.equal(isSameMaker(maker, { ...maker, kind: 'anthropic-compatible' }), true);
  assert.equal(isSameMaker(maker, { ...maker, targetModel: 'claude-x-20260101' }), true);
  assert.equal(isSameMaker(maker, { ...maker, targetModel: 'claude-y' }), false);
  assert.equal(isSameMaker(chat, { ...chat }), true);
  assert.equal(isSameMaker(chat, { ...chat, kind: 'openai-compatible' }), false);
  assert.equal(isSameMaker(chat, { ...chat, dialect: 'anthropic-messages' }), false);
});
