import { readdirSync, readFileSync } from 'node:fs';

export type FixtureDialect = 'openai-chat' | 'anthropic-messages';
export const fixtureDialects: readonly FixtureDialect[] = ['openai-chat', 'anthropic-messages'];

export interface Fixture {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The wire fixtures that lie beside a dialect, sorted by name. */
export function readFixtures(dialect: FixtureDialect, kind: 'requests' | 'answers' | 'streams'): readonly Fixture[] {
  const folder = new URL(`../../../src/dialects/${dialect}/fixtures/${kind}/`, import.meta.url);
  return readdirSync(folder)
    .filter(name => name !== 'expected.json')
    .sort()
    .map(name => ({ name, bytes: readFileSync(new URL(name, folder)) }));
}

export const dialectPaths: Readonly<Record<FixtureDialect, string>> = {
  'openai-chat': '/v1/chat/completions',
  'anthropic-messages': '/v1/messages',
};
