import type { LossLedger } from '../../completion/loss.ts';
import type { CallIdForm } from '../../completion/profile.ts';
import type { Block, CallBlock, ResultBlock, TextBlock, Turn } from '../../completion/request.ts';
import { RequestCallIds } from '../call-ids.ts';

/** Every API wants the same of tools in history: each call is answered once, directly behind the turn that made it, and
 *  nothing is answered that was not called. Ids get the form of the target here, calls and results alike; results stand
 *  in the order of their calls. */
export function pairCalls(turns: readonly Turn[], form: CallIdForm, losses: LossLedger): readonly Turn[] {
  if (!turns.some(turn => turn.blocks.some(isOfTool))) return turns;
  const named = nameCalls(turns, form, losses);
  const paired: Turn[] = [];
  for (let index = 0; index < named.turns.length; index += 1) {
    const turn = named.turns[index]!;
    const blocks = turn.blocks.filter(block => block.type !== 'result');
    if (blocks.length > 0 || turn.blocks.length === 0) paired.push({ ...turn, blocks });
    const calls = turn.blocks.filter(block => block.type === 'call');
    if (calls.length > 0) paired.push(answersOf(calls, index, named, losses));
  }
  return joinAnswers(paired);
}

interface PlacedResult {
  readonly result: ResultBlock;
  readonly turn: number;
  readonly path: string;
}

interface NamedCalls {
  readonly turns: readonly Turn[];
  /** By the id of the call, in the form of the target. */
  readonly results: ReadonlyMap<string, PlacedResult>;
}

/** Gives calls and results their ids, and makes texts of results that answer nothing. */
function nameCalls(turns: readonly Turn[], form: CallIdForm, losses: LossLedger): NamedCalls {
  const ids = new RequestCallIds(form);
  const results = new Map<string, PlacedResult>();
  const named = turns.map((turn, index) => {
    if (!turn.blocks.some(isOfTool)) return turn;
    const blocks = turn.blocks.flatMap((block): readonly Block[] => {
      if (block.type === 'call') return [{ ...block, id: ids.ofCall(block.id, index) }];
      if (block.type !== 'result') return [block];
      const callId = ids.ofResult(block.callId);
      if (callId === undefined) {
        losses.approximated('tool-result-as-text', turn.path);
        const head = block.isError ? 'Error' : 'Result';
        return [{ type: 'text', text: `${head} of the tool call ${block.callId}:` }, ...block.blocks];
      }
      const result = { ...block, callId };
      results.set(callId, { result, turn: index, path: turn.path });
      return [result];
    });
    return { ...turn, blocks };
  });
  return { turns: named, results };
}

/** The turn that answers these calls, which the turn at `index` made. */
function answersOf(calls: readonly CallBlock[], index: number, named: NamedCalls, losses: LossLedger): Turn {
  const { turns, results } = named;
  const run = answeringRun(turns, index);
  const blocks: ResultBlock[] = [];
  let path = turns[index]!.path;
  let place = -1;
  for (const call of calls) {
    const placed = results.get(call.id);
    if (placed === undefined) {
      losses.approximated('tool-call-unanswered', turns[index]!.path);
      blocks.push({ type: 'result', callId: call.id, blocks: [unanswered], isError: false });
      continue;
    }
    const at = run.indexOf(placed.result);
    if (at <= place) losses.moved('tool-result-moved', placed.path);
    if (at > place) place = at;
    if (blocks.length === 0) path = placed.path;
    blocks.push(placed.result);
  }
  return { role: 'user', blocks, path };
}

const unanswered: TextBlock = { type: 'text', text: 'The call was not answered.' };

/** The results that stand directly behind the turn at `index`, before anything else. */
function answeringRun(turns: readonly Turn[], index: number): readonly Block[] {
  const run: Block[] = [];
  for (let at = index + 1; at < turns.length; at += 1) {
    const { role, blocks } = turns[at]!;
    if (role !== 'user') return run;
    for (const block of blocks) {
      if (block.type !== 'result') return run;
      run.push(block);
    }
  }
  return run;
}

/** Results and what the user says behind them are one turn. */
function joinAnswers(turns: readonly Turn[]): readonly Turn[] {
  const joined: Turn[] = [];
  for (const turn of turns) {
    const last = joined.at(-1);
    const answers = last?.role === 'user' && last.blocks.at(-1)?.type === 'result' && turn.role === 'user';
    if (answers) joined[joined.length - 1] = { ...last, blocks: [...last.blocks, ...turn.blocks] };
    else joined.push(turn);
  }
  return joined;
}

function isOfTool({ type }: Block): boolean {
  return type === 'call' || type === 'result';
}
