import { hash } from 'node:crypto';
import { Refusal } from '../answer.ts';
import type { ScriptContent } from '../script.ts';
import { type ChatRequest, isObject, type Json } from './wire.ts';

// Hosts that show what their models think, and want it back: https://api-docs.deepseek.com/guides/thinking_mode,
// https://openrouter.ai/docs/guides/best-practices/reasoning-tokens (2026-11).

export type ShownReasoning = Exclude<ScriptContent['showReasoning'], undefined>;

const thinkingTokensUnasked = 32;

/** Tokens of thought: such a host thinks unless it is told not to. */
export function reasoningUnlessOff(request: ChatRequest, asked: number | undefined): number {
  return isOff(request) ? 0 : (asked ?? thinkingTokensUnasked);
}

/** The turn that called a tool must still have what was thought before. Throws Refusal. */
export function checkReasoningKept(request: ChatRequest, shown: ShownReasoning): void {
  if (isOff(request)) return;
  for (const message of request.messages) {
    if (message.role !== 'assistant' || message.tool_calls === undefined) continue;
    if (isKept(message, shown)) continue;
    const text = `The \`${shown}\` in the thinking mode must be passed back to the API.`;
    throw new Refusal(400, 'invalid_request_error', text, { code: 'invalid_request_error' });
  }
}

function isOff(request: ChatRequest): boolean {
  const thinking = request['thinking'];
  return (isObject(thinking) && thinking['type'] === 'disabled') || request['reasoning_effort'] === 'none';
}

function isKept(message: Json, shown: ShownReasoning): boolean {
  const value = message[shown];
  if (shown !== 'reasoning_details') return typeof value === 'string';
  if (!Array.isArray(value)) return false;
  const details = value as readonly Json[];
  const text = details.find(detail => detail['type'] === 'reasoning.text')?.['text'];
  return details.some(detail => detail['type'] === 'reasoning.encrypted' && detail['data'] === sealOf(String(text)));
}

/** What stands in the message, or in the delta that ends the thought. */
export function wholeReasoning(text: string, shown: ShownReasoning): Json {
  if (shown !== 'reasoning_details') return { [shown]: text };
  return { reasoning: text, reasoning_details: [textDetail(text), sealDetail(text)] };
}

export function reasoningDelta(piece: string, shown: ShownReasoning): Json {
  if (shown !== 'reasoning_details') return { content: null, [shown]: piece };
  return { content: null, reasoning: piece, reasoning_details: [textDetail(piece)] };
}

/** The last delta of a thought, where there is one. */
export function reasoningEnd(text: string, shown: ShownReasoning): Json | undefined {
  return shown === 'reasoning_details' ? { content: null, reasoning_details: [sealDetail(text)] } : undefined;
}

function textDetail(text: string): Json {
  return { type: 'reasoning.text', text, format: 'emulated', index: 0 };
}

function sealDetail(text: string): Json {
  return { type: 'reasoning.encrypted', data: sealOf(text), format: 'emulated', index: 1 };
}

function sealOf(text: string): string {
  return hash('sha256', `emulator reasoning ${text}`, 'base64');
}
