// The Converse wire, from the types of the @aws-sdk/client-bedrock-runtime package 3.1162 and
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (2026-11).
// Members that nobody knows are ignored, as by AWS's JSON protocols; a union must have one that is known.

export type Json = Readonly<Record<string, unknown>>;

export interface ConverseRequest extends Json {
  readonly messages: readonly Message[];
}

export interface Message extends Json {
  readonly role: 'user' | 'assistant' | 'system';
  readonly content: readonly ContentBlock[];
}

/** Exactly one of these. */
export interface ContentBlock extends Json {
  readonly text?: string;
  readonly toolUse?: ToolUse;
  readonly toolResult?: ToolResult;
  readonly reasoningContent?: Json;
}

export interface ToolUse extends Json {
  readonly toolUseId: string;
  readonly name: string;
  readonly input: unknown;
}

export interface ToolResult extends Json {
  readonly toolUseId: string;
  readonly content: readonly Json[];
  readonly status?: string;
}

export const contentMembers = [
  'text',
  'image',
  'toolUse',
  'toolResult',
  'document',
  'video',
  'audio',
  'guardContent',
  'cachePoint',
  'reasoningContent',
  'citationsContent',
  'searchResult',
  'toolAddition',
  'toolRemoval',
] as const;

export const resultMembers = ['json', 'text', 'image', 'document', 'video', 'searchResult'] as const;
export const systemMembers = ['text', 'guardContent', 'cachePoint'] as const;
export const toolMembers = ['toolSpec', 'systemTool', 'cachePoint'] as const;
export const choiceMembers = ['auto', 'any', 'tool'] as const;

export const imageFormats = ['png', 'jpeg', 'gif', 'webp'] as const;
export const documentFormats = ['pdf', 'csv', 'doc', 'docx', 'xls', 'xlsx', 'html', 'txt', 'md'] as const;
export const tiers = ['priority', 'default', 'flex', 'reserved'] as const;
export const efforts = ['low', 'medium', 'high', 'xhigh', 'max'] as const;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The member that a union has; undefined when it has none that is known. */
export function memberOf<Name extends string>(union: Json, names: readonly Name[]): Name | undefined {
  return names.find(name => union[name] !== undefined && union[name] !== null);
}

export function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
