import type { DialectName } from '../completion/request.ts';
import { anthropicMessages } from './anthropic-messages/dialect.ts';
import { cohereChat } from './cohere-chat/dialect.ts';
import type { Dialect } from './dialect.ts';
import { openaiChat } from './openai-chat/dialect.ts';

/** The dialects that are built, by name. */
export const dialects: ReadonlyMap<DialectName, Dialect> = new Map(
  [openaiChat, anthropicMessages, cohereChat].map(dialect => [dialect.name, dialect]),
);
