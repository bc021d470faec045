import type { LossLedger } from '../../completion/loss.ts';
import type { RoleRules } from '../../completion/profile.ts';
import type { Block, CompletionRequest, TextBlock, Turn } from '../../completion/request.ts';

type Conversation = Pick<CompletionRequest, 'turns' | 'continuesAssistant'>;

/** Brings a conversation into the order that the target wants. Calls are paired with their results before. */
export function orderConversation(request: Conversation, rules: RoleRules, losses: LossLedger): Conversation {
  let turns = rules.blankText ? request.turns : withoutBlankText(request.turns, losses);
  if (rules.userFirst || rules.userRequired === true) turns = withUser(turns, losses);
  if (rules.systemTurns !== 'anywhere') turns = placeSystem(turns, rules, losses);
  if (rules.userFirst) turns = userFirst(turns, losses);
  turns = endTurns(turns, request.continuesAssistant === true, rules, losses);
  if (rules.merged) turns = mergeTurns(turns);
  const continues = rules.assistantLast === 'continued' || rules.assistantLast === 'continued-if-marked';
  return { turns, continuesAssistant: continues ? request.continuesAssistant : undefined };
}

/** Empty texts say nothing, so they are left out in silence; a turn that is nothing else is not. */
function withoutBlankText(turns: readonly Turn[], losses: LossLedger): readonly Turn[] {
  if (!turns.some(({ blocks }) => blocks.length === 0 || blocks.some(isBlank))) return turns;
  return turns.flatMap(turn => {
    const blocks = turn.blocks.filter(block => {
      if (!isBlank(block)) return true;
      if (block.text !== '') losses.dropped('blank-text-unsupported', turn.path);
      return false;
    });
    if (blocks.length > 0) return [blocks.length === turn.blocks.length ? turn : { ...turn, blocks }];
    losses.dropped('empty-message-unsupported', turn.path);
    return [];
  });
}

function isBlank(block: Block): block is TextBlock {
  return block.type === 'text' && block.text.trim() === '';
}

/** Where there must be a turn of the user and there are instructions only, the last one is said by the user. */
function withUser(turns: readonly Turn[], losses: LossLedger): readonly Turn[] {
  const last = turns.at(-1);
  if (last === undefined || turns.some(({ role }) => role !== 'system')) return turns;
  losses.moved('system-as-user', last.path);
  return [...turns.slice(0, -1), { ...last, role: 'user' }];
}

/** Instructions before the conversation stay there. One in its middle stands behind a user's turn that the assistant
 *  answers, or last; where the target takes none, or no such place comes, it is said by the user. */
function placeSystem(turns: readonly Turn[], rules: RoleRules, losses: LossLedger): readonly Turn[] {
  const start = turns.findIndex(({ role }) => role !== 'system');
  if (start === -1 || !turns.some(({ role }, index) => role === 'system' && index > start)) return turns;
  const placed = turns.slice(0, start);
  if (rules.systemTurns === 'first') return [...placed, ...turns.slice(start).map(turn => asUser(turn, losses))];
  let held: Turn[] = [];
  let movedCount = 0;
  for (const turn of turns.slice(start)) {
    if (turn.role === 'system') {
      held.push(turn);
      continue;
    }
    if (turn.role === 'assistant' && held.length > 0) {
      placed.push(...placedHere(held, placed.at(-1), losses));
      held = [];
      movedCount = 0;
    }
    for (; movedCount < held.length; movedCount += 1) losses.moved('system-moved', held[movedCount]!.path);
    placed.push(turn);
  }
  return [...placed, ...placedHere(held, placed.at(-1), losses)];
}

/** Instructions in a row are one. */
function placedHere(held: readonly Turn[], before: Turn | undefined, losses: LossLedger): readonly Turn[] {
  const [first] = held;
  if (first === undefined) return [];
  if (before?.role === 'user') return [{ ...first, blocks: held.flatMap(({ blocks }) => blocks) }];
  return held.map(turn => asUser(turn, losses));
}

function asUser(turn: Turn, losses: LossLedger): Turn {
  if (turn.role !== 'system') return turn;
  losses.moved('system-as-user', turn.path);
  return { ...turn, role: 'user' };
}

function userFirst(turns: readonly Turn[], losses: LossLedger): readonly Turn[] {
  const start = turns.findIndex(({ role }) => role !== 'system');
  const first = turns[start];
  if (first === undefined || first.role === 'user') return turns;
  losses.approximated('user-turn-added', first.path);
  return [...turns.slice(0, start), said('Begin.', first.path), ...turns.slice(start)];
}

/** What a last turn of the assistant asks for, and what the target makes of it. */
function endTurns(turns: readonly Turn[], continues: boolean, rules: RoleRules, losses: LossLedger): readonly Turn[] {
  const last = turns.at(-1);
  if (last?.role !== 'assistant') return turns;
  if (continues) {
    if (rules.assistantLast === 'continued' || rules.assistantLast === 'continued-if-marked') return turns;
    losses.approximated('prefill-unsupported', last.path);
    return rules.assistantLast === 'answered' ? turns : [...turns, said('Continue.', last.path)];
  }
  if (rules.assistantLast === 'answered') return turns;
  losses.approximated('user-turn-added', last.path);
  return [...turns, said('Continue.', last.path)];
}

function said(text: string, path: string): Turn {
  return { role: 'user', blocks: [{ type: 'text', text }], path };
}

/** Turns of one role in a row become one. Instructions before the conversation stay apart: they are no messages. */
function mergeTurns(turns: readonly Turn[]): readonly Turn[] {
  const isMore = (turn: Turn, index: number): boolean => turn.role !== 'system' && turn.role === turns[index - 1]?.role;
  if (!turns.some(isMore)) return turns;
  const merged: { readonly role: Turn['role']; readonly path: string; readonly blocks: Block[] }[] = [];
  turns.forEach((turn, index) => {
    if (isMore(turn, index)) merged.at(-1)!.blocks.push(...turn.blocks);
    else merged.push({ ...turn, blocks: [...turn.blocks] });
  });
  return merged;
}
