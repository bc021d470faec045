import { anthropic } from './anthropic.ts';
import { bedrock } from './bedrock.ts';
import { claudeHosted } from './claude-hosted.ts';
import { cohere, cohereCompatible } from './cohere.ts';
import { anthropicCompatible, openaiCompatible } from './compatible.ts';
import { deepseek } from './deepseek.ts';
import { emulated } from './emulated.ts';
import { gemini } from './gemini.ts';
import { groq } from './groq.ts';
import { mistral } from './mistral.ts';
import { openai } from './openai.ts';
import type { Provider } from './provider.ts';
import { vertex } from './vertex.ts';
import { xai } from './xai.ts';

/** Every kind of provider, by name. To add one, write its file and list it here. */
export const providers: readonly Provider[] = [
  anthropic,
  anthropicCompatible,
  bedrock,
  claudeHosted,
  cohere,
  cohereCompatible,
  deepseek,
  emulated,
  gemini,
  groq,
  mistral,
  openai,
  openaiCompatible,
  vertex,
  xai,
];

const byName: ReadonlyMap<string, Provider> = new Map(providers.map(provider => [provider.name, provider]));

/** undefined for a kind that is not known; configuration refuses it by that. */
export function findProvider(kind: string): Provider | undefined {
  return byName.get(kind);
}

/** The provider of an account of a checked configuration. Throws for a kind that is not known. */
export function providerOf(kind: string): Provider {
  const provider = byName.get(kind);
  if (provider === undefined) throw new Error(`no provider of the kind ${kind.slice(0, 60)}`);
  return provider;
}
