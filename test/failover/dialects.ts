import type { Dialect } from '../../src/dialects/dialect.ts';
import { dialects } from '../../src/dialects/registry.ts';
import { finerChunks } from './gemini-chunks.ts';

/** A dialect in the matrix. Another one joins by its line. */
export interface MatrixDialect {
  readonly dialect: Dialect;
  readonly path: (model: string, stream: boolean) => string;
  /** Paths at which a provider of the dialect is asked. */
  readonly asked: RegExp;
  /** A provider kind that documents how a text is gone on with, where there is one, and a model of it. */
  readonly kind: string;
  readonly targetModel: string;
  /** Is it documented? */
  readonly continues: boolean;
  /** Why an answer ended stands in its terminal event, so the one is never there without the other. */
  readonly endsAtOnce: boolean;
  /** Its last event may be missing behind the reason for the end, and the answer is whole. */
  readonly mayLackEnd?: boolean;
  /** Written for it from another dialect, a stream shows nothing before its content, and calls once they are whole. */
  readonly showsLate?: boolean;
  /** As a provider it says what it plans before it calls. */
  readonly plansCalls?: boolean;
  /** A stream of it with places for all faults, where the emulator's is too short for them. */
  readonly finer?: (stream: Buffer) => Buffer;
  /** Every terminal event of a stream, as its client sees it; of binary frames, in Latin-1. */
  readonly terminal: RegExp;
  /** How a notice looks. */
  readonly notice: (type: 'restart' | 'seam') => string;
}

export const matrixDialects: readonly MatrixDialect[] = [
  {
    dialect: dialects.get('openai-chat')!,
    path: () => '/v1/chat/completions',
    asked: /^\/v1\/chat\/completions$/,
    kind: 'mistral',
    targetModel: 'mistral-small',
    continues: true,
    endsAtOnce: false,
    terminal: /^data: (?:\[DONE\]|\{"error")/gm,
    notice: type => `"carrier":{"${type}"`,
  },
  {
    dialect: dialects.get('anthropic-messages')!,
    path: () => '/v1/messages',
    asked: /^\/v1\/messages$/,
    kind: 'anthropic',
    targetModel: 'claude-haiku-4-5',
    continues: true,
    endsAtOnce: false,
    terminal: /^event: (?:message_stop|error)$/gm,
    notice: type => `event: carrier.${type}`,
  },
  {
    dialect: dialects.get('bedrock-converse')!,
    path: (model, stream) => `/model/${encodeURIComponent(model)}/converse${stream ? '-stream' : ''}`,
    asked: /^\/model\/[^/]+\/converse(?:-stream)?$/,
    kind: 'bedrock',
    targetModel: 'anthropic.claude-haiku-4-5-20251001-v1:0',
    continues: true,
    endsAtOnce: false,
    mayLackEnd: true,
    // Metadata come last, behind messageStop; exceptions end a stream without them.
    terminal: /:event-type[^:]{3}metadata|:exception-type/g,
    notice: type => `carrier.${type}`,
  },
  {
    dialect: dialects.get('openai-responses')!,
    path: () => '/v1/responses',
    asked: /^\/v1\/responses$/,
    // None documents it in this dialect.
    kind: 'openai',
    targetModel: 'gpt-5.6',
    continues: false,
    endsAtOnce: true,
    terminal: /^event: response\.(?:completed|incomplete|failed)$/gm,
    notice: type => `"carrier":{"${type}"`,
  },
  {
    dialect: dialects.get('gemini')!,
    path: (model, stream) =>
      `/v1beta/models/${encodeURIComponent(model)}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    asked: /^\/v1beta\/models\/[^/]+:(?:generateContent$|streamGenerateContent\?)/,
    // None documents it in this dialect.
    kind: 'gemini',
    targetModel: 'gemini-3.5-flash',
    continues: false,
    endsAtOnce: true,
    showsLate: true,
    finer: finerChunks,
    terminal: /^data: \{(?:.*"finishReason"|"error").*\}\r?$/gm,
    notice: type => `"carrier":{"${type}"`,
  },
  {
    dialect: dialects.get('cohere-chat')!,
    path: () => '/v2/chat',
    asked: /^\/v2\/chat$/,
    // None documents it in this dialect.
    kind: 'cohere',
    targetModel: 'command-a-reasoning-08-2025',
    continues: false,
    endsAtOnce: true,
    plansCalls: true,
    terminal: /^event: message-end$/gm,
    notice: type => `event: carrier.${type}`,
  },
];
