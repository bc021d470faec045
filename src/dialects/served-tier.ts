import type { DialectName } from '../completion/request.ts';

/** The tier that served, in the client's dialect; undefined where it has no word for the provider's. Words are those of
 *  OpenAI, Groq (`on_demand`) and Anthropic (https://platform.claude.com/docs/en/api/service-tiers, 2026-11). */
export function servedTier(word: string | undefined, client: DialectName): string | undefined {
  if (word === undefined) return undefined;
  if (client === 'anthropic-messages') return messagesTiers.get(word);
  if (client === 'bedrock-converse') return converseTiers.get(word);
  return client === 'gemini' ? geminiTiers.get(word) : chatTiers.get(word);
}

const chatTiers: ReadonlyMap<string, string> = new Map([
  ['standard', 'default'],
  ['default', 'default'],
  ['on_demand', 'default'],
  ['priority', 'priority'],
  ['flex', 'flex'],
  ['scale', 'scale'],
  ['reserved', 'scale'],
]);

/** @google/genai 3.1, ServiceTier (2026-11). */
const geminiTiers: ReadonlyMap<string, string> = new Map([
  ['standard', 'standard'],
  ['default', 'standard'],
  ['on_demand', 'standard'],
  ['priority', 'priority'],
  ['flex', 'flex'],
]);

const messagesTiers: ReadonlyMap<string, string> = new Map([
  ['standard', 'standard'],
  ['default', 'standard'],
  ['on_demand', 'standard'],
  ['priority', 'priority'],
  ['scale', 'priority'],
  ['batch', 'batch'],
]);

/** https://docs.aws.amazon.com/bedrock/latest/userguide/service-tiers-inference.html (2026-11). */
const converseTiers: ReadonlyMap<string, string> = new Map([
  ['standard', 'default'],
  ['default', 'default'],
  ['on_demand', 'default'],
  ['priority', 'priority'],
  ['flex', 'flex'],
  ['reserved', 'reserved'],
  ['scale', 'reserved'],
]);
