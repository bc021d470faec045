import { aiSdks } from './ai.ts';
import { anthropic } from './anthropic.ts';
import { bedrocks } from './bedrock.ts';
import { cohere } from './cohere.ts';
import { googleGenAi } from './google-genai.ts';
import { langchains } from './langchain.ts';
import { mistral } from './mistral.ts';
import { openAiAgents } from './openai-agents.ts';
import { openAiChat } from './openai-chat.ts';
import { openAiResponses } from './openai-responses.ts';
import type { SdkKind } from './sdk-client.ts';

export const allSdks: readonly SdkKind[] = [
  openAiChat,
  openAiResponses,
  anthropic,
  googleGenAi,
  cohere,
  ...bedrocks,
  mistral,
  ...aiSdks,
  ...langchains,
  ...openAiAgents,
];
