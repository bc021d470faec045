import type { DialectName } from '../completion/request.ts';
import { anthropicMessages } from './anthropic-messages/dialect.ts';
import { bedrockConverse } from './bedrock-converse/dialect.ts';
import { cohereChat } from './cohere-chat/dialect.ts';
import type { Dialect } from './dialect.ts';
import { gemini } from './gemini/dialect.ts';
import { openaiChat } from './openai-chat/dialect.ts';
import { openaiResponses } from './openai-responses/dialect.ts';

/** The dialects that are built, by name. */
export const dialects: ReadonlyMap<DialectName, Dialect> = new Map(
  [openaiChat, anthropicMessages, openaiResponses, gemini, cohereChat, bedrockConverse].map(dialect => [
    dialect.name,
    dialect,
  ]),
);
