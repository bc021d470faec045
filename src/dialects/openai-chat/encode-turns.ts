import type { LossLedger } from '../../completion/loss.ts';
import type { Block, ResultBlock, TextBlock, Turn } from '../../completion/request.ts';
import type { RequestCallIds } from '../call-ids.ts';
import { encodeReasoningBlocks } from './reasoning.ts';

export function encodeTurn(turn: Turn, ids: RequestCallIds, losses: LossLedger): unknown[] {
  if (turn.role === 'assistant') return [encodeAssistant(turn, ids, losses)];
  const results = turn.blocks.filter(isResult);
  const texts = turn.blocks.filter(isText);
  if (turn.role === 'system' || results.length === 0) return [{ role: turn.role, content: encodeTexts(texts) }];
  const isMixed = turn.blocks.findLastIndex(isResult) > turn.blocks.findIndex(isText) && texts.length > 0;
  if (isMixed) losses.moved('tool-result-moved', turn.path);
  const messages: unknown[] = results.map(result => encodeResult(result, turn.path, ids, losses));
  if (texts.length > 0) messages.push({ role: 'user', content: encodeTexts(texts) });
  return messages;
}

function encodeAssistant(turn: Turn, ids: RequestCallIds, losses: LossLedger): unknown {
  const texts = turn.blocks.filter(isText);
  const calls = turn.blocks.filter(block => block.type === 'call');
  const isMixed = turn.blocks.findLastIndex(isText) > turn.blocks.findIndex(block => block.type === 'call');
  if (isMixed && calls.length > 0) losses.moved('text-after-call-moved', turn.path);
  const { parts, ...reasoning } = encodeReasoningBlocks(turn.blocks, losses);
  const content = texts.length === 0 ? (calls.length === 0 ? '' : null) : encodeTexts(texts);
  return {
    role: 'assistant',
    content: parts.length === 0 ? content : [...parts, ...texts.map(({ text }) => ({ type: 'text', text }))],
    ...reasoning,
    tool_calls:
      calls.length === 0
        ? undefined
        : calls.map(call => ({
            id: ids.ofCall(call.id),
            type: 'function',
            function: { name: call.name, arguments: call.argumentsText === '' ? '{}' : call.argumentsText },
          })),
  };
}

/** This dialect has no mark for a failed call: its text says so instead. */
function encodeResult(result: ResultBlock, path: string, ids: RequestCallIds, losses: LossLedger): unknown {
  if (result.isError) losses.approximated('tool-error-as-text', path);
  const content = encodeTexts(result.blocks.filter(isText));
  const failed = typeof content === 'string' ? `Error: ${content}` : [{ type: 'text', text: 'Error:' }, ...content];
  return { role: 'tool', tool_call_id: ids.ofResult(result.callId), content: result.isError ? failed : content };
}

/** One text goes as a string, which every host of this dialect takes. */
function encodeTexts(texts: readonly TextBlock[]): string | { type: string; text: string }[] {
  if (texts.length === 0) return '';
  if (texts.length === 1) return texts[0]!.text;
  return texts.map(({ text }) => ({ type: 'text', text }));
}

function isText(block: Block): block is TextBlock {
  return block.type === 'text';
}

function isResult(block: Block): block is ResultBlock {
  return block.type === 'result';
}
