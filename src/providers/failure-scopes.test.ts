import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { failTogether, type Placed } from './failure-scopes.ts';

function placed(name: string, kind: string, baseUrl: string, targetModel = 'm'): Placed {
  return { targetModel, provider: { name, kind, baseUrl } };
}

test('one account, one host and one maker fail together; two hosts of other people do not', () => {
  const ours = placed('a', 'openai', 'https://api.openai.com/v1');
  assert.equal(failTogether(ours, placed('a', 'openai', 'https://proxy.example/v1', 'other')), true);
  assert.equal(failTogether(ours, placed('b', 'openai', 'https://elsewhere.example/v1', 'other')), true);
  assert.equal(failTogether(ours, placed('b', 'anthropic', 'https://api.anthropic.com', 'm')), false);
  const host = placed('c', 'openai-compatible', 'https://one.example/v1');
  assert.equal(failTogether(host, placed('d', 'openai-compatible', 'https://one.example/v2', 'n')), true);
  assert.equal(failTogether(host, placed('d', 'openai-compatible', 'https://two.example/v1', 'm')), false);
  assert.equal(failTogether(host, placed('d', 'openai-compatible', 'unix:/run/one.sock', 'm')), false);
});

test('who fails together does not depend on what accounts are called, nor on who is asked first', () => {
  const place = fc.record({
    account: fc.nat(2),
    kind: fc.constantFrom('openai', 'anthropic', 'openai-compatible', 'emulated'),
    host: fc.constantFrom('https://one.example', 'https://two.example', 'unix:/x'),
    targetModel: fc.constantFrom('m', 'n'),
  });
  fc.assert(
    fc.property(place, place, (one, other) => {
      const under = (names: readonly string[]) =>
        [one, other].map(({ account, kind, host, targetModel }) => placed(names[account]!, kind, host, targetModel));
      const [first, second] = under(['openai', 'anthropic', 'house']);
      const [again, againSecond] = under(['zz', 'mm', 'aa']);
      assert.equal(failTogether(first!, second!), failTogether(again!, againSecond!));
      assert.equal(failTogether(first!, second!), failTogether(second!, first!));
      assert.equal(failTogether(first!, first!), true);
    }),
  );
});
