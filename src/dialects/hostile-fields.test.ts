import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fateOf } from '../../test/support/hostile-requests.ts';
import { type Path, placesOf, withText } from '../../test/support/hostile-values.ts';
import { dialects } from './registry.ts';

/** `hostile/<dialect>.json` has every field that is carried; `hostile/<dialect>.txt` says what becomes of it with each value
 *  that may stand wherever: the letters of the values behind the code of the fault, or behind `carried`. */
const values: Readonly<Record<string, string | undefined>> = {
  n: 'null',
  m: undefined,
  b: 'true',
  z: '0',
  i: '-1',
  f: '1.5',
  h: '1e308',
  e: '""',
  t: `"${'x'.repeat(10_000)}"`,
  u: '"\\ud800"',
  l: '[]',
  L: '[[{}]]',
  o: '{}',
  O: '{"unknown":[1]}',
  d: `${'['.repeat(200)}${']'.repeat(200)}`,
};

for (const client of dialects.values()) {
  const partner = client.name === 'openai-chat' ? 'anthropic-messages' : 'openai-chat';
  test(`${client.name}: each field has its fault for each wrong value`, () => {
    const file = (kind: string) => readFileSync(new URL(`./hostile/${client.name}.${kind}`, import.meta.url), 'utf8');
    const base = JSON.parse(file('json'));

    const lines = placesOf(base).map(place => lineOf(base, place));

    assert.equal(`${lines.join('\n')}\n`, file('txt'));
  });

  function lineOf(base: unknown, place: Path): string {
    const letters = new Map<string, string>();
    const note = (fate: string, letter: string) => letters.set(fate, `${letters.get(fate) ?? ''}${letter}`);
    for (const [letter, text] of Object.entries(values)) {
      const body = Buffer.from(withText(base, place, text));
      note(fateOf(client, { body, place, what: letter }, 0, partner), letter);
    }
    const twice = Buffer.from(withText(base, place, 'null', true));
    // Of a list it is one entry more.
    note(fateOf(client, { body: twice, place, what: 'twice' }, 0, partner), '2');
    return [place.join('.'), ...[...letters].sort().map(([fate, kinds]) => `${fate}:${kinds}`)].join(' ');
  }
}
