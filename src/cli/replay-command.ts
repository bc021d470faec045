import type { Command } from 'commander';
import type { DecisionRecord } from '../routing/decision.ts';
import { seedMatches } from '../routing/epochs.ts';
import { replay } from '../routing/replay.ts';
import type { Page } from './answers.ts';
import { CommandFailure, exitCodes } from './outcome.ts';
import type { Server } from './server.ts';
import { stepwise } from './stepwise.ts';
import type { Surroundings } from './surroundings.ts';
import { printable } from './table.ts';

interface DecisionAnswer {
  readonly id: string;
  readonly at: string;
  readonly record: string;
}

interface AnchorAnswer {
  readonly anchor: string;
  readonly startsAt: string;
  readonly committedAt: string;
}

/** Records that differ and are shown; all are counted. */
const shownMax = 20;
const pageSize = 500;

/** `carrier replay`: decides recorded requests again on this machine, with this release's engine. A server is only asked for
 *  the records, so nobody's word is taken. */
export function addReplay(
  program: Command,
  leaf: (parent: Command, words: string, description: string) => Command,
  surroundings: Surroundings,
  server: () => Server,
): void {
  const { out } = surroundings;
  leaf(program, 'replay [exchange]', 'Decide recorded requests again, here, and compare byte by byte')
    .option('--from <instant>', 'all decisions from then, such as 2026-11-20T14:00:00Z')
    .option('--to <instant>', 'before then; now unless said')
    .option(
      '--file <path>',
      'records of a file that --save wrote, one a line, without a server; - reads standard input',
    )
    .option('--save <path>', 'write records and anchors to a file, for another machine')
    .option('--verify-seeds', 'check that every draw follows from an anchor that was committed', false)
    .action(async (exchange: string | undefined, options) => {
      const { from, to, file, save, verifySeeds } = options;
      const sources = [exchange, from, file].filter(source => source !== undefined).length;
      if (sources !== 1) throw usage('replay needs one of: an exchange, --from, --file');
      const tally = new ReplayTally();
      const kept: string[] = [];
      const take = (decision: DecisionAnswer) => {
        tally.add(decision);
        if (save !== undefined) kept.push(JSON.stringify(decision));
      };
      let anchors: readonly AnchorAnswer[] = [];
      if (file !== undefined) anchors = readLines(surroundings.readText(file), take);
      else {
        if (exchange === undefined) await readPeriod(surroundings, server(), { from, to }, take);
        else take((await server().get(`/api/v1/decisions/${encodeURIComponent(exchange)}`)) as DecisionAnswer);
        if (verifySeeds || save !== undefined) anchors = await readAnchors(server(), tally);
      }
      if (save !== undefined) {
        kept.push(...anchors.map(anchor => JSON.stringify(anchor)));
        surroundings.writeText(save, `${kept.join('\n')}\n`);
      }
      const result = { ...tally.result(), ...(verifySeeds ? { seeds: tally.seeds(anchors) } : {}) };
      out.write(options.json ? `${JSON.stringify(result, null, 2)}\n` : showResult(result));
      const wrong = result.different + result.unreadable + (result.seeds?.unknown ?? 0);
      if (wrong === 0) return;
      throw new CommandFailure(exitCodes.failedCheck, 'replay_differs', 'Not every decision is confirmed.');
    });
}

interface ReplayResult {
  readonly replayed: number;
  readonly same: number;
  readonly different: number;
  readonly unreadable: number;
  readonly items: readonly {
    readonly id: string;
    readonly outcome: 'different' | 'unreadable';
    readonly detail: readonly string[];
  }[];
  readonly seeds?: {
    readonly epochs: number;
    readonly anchored: number;
    readonly late: number;
    readonly unknown: number;
  };
}

interface SeenEpoch {
  readonly epoch: number;
  readonly seed: string;
  readonly atMs: number;
}

class ReplayTally {
  #same = 0;
  #different = 0;
  #unreadable = 0;
  readonly #items: ReplayResult['items'][number][] = [];
  /** By epoch and seed: replicas have seeds of their own. The first decision of each. */
  readonly #epochs = new Map<string, SeenEpoch>();

  add({ id, record }: DecisionAnswer): void {
    const result = replay(record);
    if (result.outcome === 'unreadable') {
      this.#unreadable += 1;
      this.#show({ id, outcome: 'unreadable', detail: [result.reason] });
      return;
    }
    const { epoch, seed, atMs } = JSON.parse(record) as DecisionRecord; // It was replayed.
    const key = `${epoch} ${seed}`;
    const seen = this.#epochs.get(key);
    if (seen === undefined || atMs < seen.atMs) this.#epochs.set(key, { epoch, seed, atMs });
    if (result.outcome === 'same') {
      this.#same += 1;
      return;
    }
    this.#different += 1;
    this.#show({
      id,
      outcome: 'different',
      detail: differences(JSON.parse(result.recorded), JSON.parse(result.replayed)),
    });
  }

  #show(item: ReplayResult['items'][number]): void {
    if (this.#items.length < shownMax) this.#items.push(item);
  }

  get period(): { readonly from: string; readonly to: string } | undefined {
    let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const { atMs } of this.#epochs.values()) {
      first = Math.min(first, atMs);
      last = Math.max(last, atMs);
    }
    if (this.#epochs.size === 0) return undefined;
    return { from: new Date(first).toISOString(), to: new Date(last + 1).toISOString() };
  }

  result(): ReplayResult {
    const [same, different, unreadable] = [this.#same, this.#different, this.#unreadable];
    return { replayed: same + different + unreadable, same, different, unreadable, items: this.#items };
  }

  seeds(anchors: readonly AnchorAnswer[]): NonNullable<ReplayResult['seeds']> {
    let [anchored, late, unknown] = [0, 0, 0];
    for (const { epoch, seed, atMs } of this.#epochs.values()) {
      const own = anchors.find(({ anchor }) => seedMatches({ epoch, seed }, anchor));
      if (own === undefined) unknown += 1;
      else if (Date.parse(own.committedAt) > atMs) late += 1;
      else anchored += 1;
    }
    return { epochs: this.#epochs.size, anchored, late, unknown };
  }
}

async function readPeriod(
  surroundings: Surroundings,
  server: Server,
  period: { readonly from: string; readonly to: string | undefined },
  take: (decision: DecisionAnswer) => void,
): Promise<void> {
  let taken = 0;
  await stepwise(surroundings, async after => {
    const query = { ...period, limit: String(pageSize), after };
    const page = (await server.get('/api/v1/decisions', query)) as Page<DecisionAnswer>;
    for (const decision of page.items) take(decision);
    taken += page.items.length;
    return { next: page.next, progress: `${taken} decisions` };
  });
}

async function readAnchors(server: Server, { period }: ReplayTally): Promise<readonly AnchorAnswer[]> {
  if (period === undefined) return [];
  return ((await server.get('/api/v1/epoch-anchors', period)) as Page<AnchorAnswer>).items;
}

/** Lines are decisions, bare records, or anchors. */
function readLines(text: string, take: (decision: DecisionAnswer) => void): readonly AnchorAnswer[] {
  const anchors: AnchorAnswer[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const read = readLine(line.trimEnd(), index + 1);
    if ('anchor' in read) anchors.push(read);
    else take(read);
  }
  return anchors;
}

function readLine(line: string, number: number): DecisionAnswer | AnchorAnswer {
  const where = `line ${number}`;
  let parsed: Readonly<Record<string, unknown>> | null;
  try {
    parsed = JSON.parse(line);
  } catch {
    return { id: where, at: '', record: line };
  }
  if (typeof parsed?.['anchor'] === 'string' && typeof parsed['committedAt'] === 'string') {
    return { anchor: parsed['anchor'], startsAt: String(parsed['startsAt']), committedAt: parsed['committedAt'] };
  }
  if (typeof parsed?.['record'] === 'string')
    return { id: String(parsed['id'] ?? where), at: '', record: parsed['record'] };
  return { id: where, at: '', record: line };
}

/** Where two records differ, as paths with both sides. */
function differences(recorded: unknown, replayed: unknown, path = ''): readonly string[] {
  if (Object.is(recorded, replayed)) return [];
  if (isObject(recorded) && isObject(replayed)) {
    const keys = [...new Set([...Object.keys(recorded), ...Object.keys(replayed)])];
    const found = keys.flatMap(key => differences(recorded[key], replayed[key], path === '' ? key : `${path}.${key}`));
    // Equal values in another order are other bytes.
    return found.length > 0 || keys.join() === Object.keys(replayed).join()
      ? found
      : [`${path || 'record'}: keys in another order`];
  }
  return [`${path}: ${JSON.stringify(recorded) ?? 'nothing'} → ${JSON.stringify(replayed) ?? 'nothing'}`];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function showResult({ replayed, same, different, unreadable, items, seeds }: ReplayResult): string {
  const lines = [
    `Decided ${replayed} requests again: ${same} the same, ${different} different, ${unreadable} unreadable.`,
  ];
  for (const { id, outcome, detail } of items) {
    lines.push('', `${id} ${outcome}, recorded → decided again:`, ...detail.map(line => `  ${line}`));
  }
  const more = different + unreadable - items.length;
  if (more > 0) lines.push('', `… and ${more} more.`);
  if (seeds !== undefined) {
    const late = seeds.late === 0 ? '' : `, ${seeds.late} from one that was committed after its first decision`;
    const unknown = seeds.unknown === 0 ? '' : `, ${seeds.unknown} from NO anchor that is known`;
    lines.push(`Of ${seeds.epochs} seeds ${seeds.anchored} follow from an anchor committed before${late}${unknown}.`);
  }
  return `${lines.map(printable).join('\n')}\n`;
}

function usage(message: string): CommandFailure {
  return new CommandFailure(exitCodes.usage, 'usage', message);
}
