import type { LossLedger } from '../../completion/loss.ts';
import { FieldRules, isRecord, read, readList, readRecord, readString, type WireRecord } from '../wire-values.ts';

/** What the API may cut from earlier turns before the model reads them, by a beta
 *  (https://platform.claude.com/docs/en/build-with-claude/context-editing, 2026-11; @anthropic-ai/sdk 1.11). No other
 *  dialect cuts for its client, and an answer is right without: the prompt is only longer. */
const fields = new FieldRules({ edits: read });

export function checkContextManagement(value: unknown, losses: LossLedger): void {
  if (value === undefined || value === null) return;
  const wire = readRecord(value, 'context_management');
  fields.check(wire, 'context_management', losses);
  const edits = wire['edits'];
  if (edits === undefined || edits === null) return;
  for (const [index, entry] of readList(edits, 'context_management.edits').entries()) {
    const path = `context_management.edits.${index}`;
    const edit = readRecord(entry, path);
    const type = readString(edit['type'], `${path}.type`);
    if (!keepsAllThinking(type, edit)) losses.dropped('context-management-unsupported', path);
  }
}

/** Coding agents say this with every request; it is what happens anyway. */
function keepsAllThinking(type: string, edit: WireRecord): boolean {
  if (type !== 'clear_thinking_20251015') return false;
  return edit['keep'] === 'all' || (isRecord(edit['keep']) && edit['keep']['type'] === 'all');
}
