import { anthropicUsage } from './anthropic.ts';
import { bedrockUsage } from './bedrock.ts';
import { cohereUsage } from './cohere.ts';
import { compatibleUsage } from './compatible.ts';
import { geminiUsage } from './gemini.ts';
import { deepseekUsage, groqUsage, mistralUsage, openRouterUsage, perplexityUsage, xaiUsage } from './hosts.ts';
import { ollamaUsage } from './ollama.ts';
import { azureUsage, openAiUsage, responsesUsage } from './openai.ts';
import type { UsageSemantics } from './semantics.ts';

/** Every way of counting, by name. To add one, write its file, list it here and lay fixtures beside. */
export const usageSemantics: readonly UsageSemantics[] = [
  anthropicUsage,
  azureUsage,
  bedrockUsage,
  cohereUsage,
  deepseekUsage,
  geminiUsage,
  groqUsage,
  mistralUsage,
  ollamaUsage,
  openAiUsage,
  compatibleUsage,
  responsesUsage,
  openRouterUsage,
  perplexityUsage,
  xaiUsage,
];
