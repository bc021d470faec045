import type { Command } from 'commander';
import type { Server } from './server.ts';
import type { Surroundings } from './surroundings.ts';
import { formatTable } from './table.ts';

/** GET /api/v1/health/deployments. */
export interface DeploymentHealthAnswer {
  readonly id: string;
  readonly provider: string;
  readonly model: string;
  readonly state: string;
  readonly breaker: {
    readonly state: string;
    readonly scope: string | null;
    readonly name: string | null;
    readonly until: string | null;
  };
  readonly coolingUntil: string | null;
  readonly errorRate: number | null;
  readonly latency: {
    readonly firstTokenMs: number;
    readonly perInputTokenMs: number;
    readonly perOutputTokenMs: number;
    readonly uncertainty: number;
  } | null;
  readonly concurrency: { readonly inFlight: number; readonly max: number; readonly configured: boolean };
  readonly share: number;
  readonly triedAt: string | null;
}

interface HealthPage {
  readonly replica: string;
  readonly at: string;
  readonly items: readonly DeploymentHealthAnswer[];
  readonly next?: string;
}

const pageSize = 500;
const pagesMax = 200;
/** Of an ordinary request, for one number to compare deployments by. */
const ordinaryInputTokens = 1_000;

/** `carrier health`. `leaf` makes a command with --json. */
export function addHealth(
  program: Command,
  leaf: (parent: Command, words: string, description: string) => Command,
  { out }: Surroundings,
  server: () => Server,
): void {
  leaf(program, 'health', 'How the deployments are: who answers, how fast, who is left alone and why')
    .option('--all', 'also those of which nothing is known, because nothing was sent to them lately', false)
    .action(async options => {
      const { replica, at, items } = await readAll(server());
      if (options.json) {
        out.write(`${JSON.stringify({ replica, at, items }, null, 2)}\n`);
        return;
      }
      const shown = options.all ? items : items.filter(({ state }) => state !== 'idle');
      out.write(
        formatHealth(shown, { atMs: Date.parse(at), isTerminal: out.isTerminal, left: items.length - shown.length }),
      );
    });
}

async function readAll(server: Server): Promise<HealthPage> {
  const items: DeploymentHealthAnswer[] = [];
  let after: string | undefined;
  for (let page = 0; ; page += 1) {
    const answer = (await server.get('/api/v1/health/deployments', { limit: String(pageSize), after })) as HealthPage;
    items.push(...answer.items);
    after = answer.next;
    if (after === undefined || page === pagesMax) return { ...answer, items };
  }
}

/** The worst first: what somebody who is called at night looks for. */
export function formatHealth(
  items: readonly DeploymentHealthAnswer[],
  { atMs, isTerminal, left }: { readonly atMs: number; readonly isTerminal: boolean; readonly left: number },
): string {
  const rest = left === 0 ? '' : `${left} more had nothing to do lately; --all shows them.\n`;
  if (items.length === 0) return left === 0 ? 'There are no deployments.\n' : rest;
  const ranks = Object.keys(marks);
  const rows = items.toSorted((one, other) => ranks.indexOf(one.state) - ranks.indexOf(other.state));
  const mark = ({ state }: DeploymentHealthAnswer) => marks[state] ?? '?';
  const text = formatTable(
    rows,
    [
      { title: '', cell: mark },
      { title: 'deployment', cell: row => row.id },
      { title: 'state', cell: row => describeState(row, atMs) },
      { title: 'failing', right: true, cell: row => percent(row.errorRate) },
      { title: 'first token', right: true, cell: firstToken },
      { title: 'per token', right: true, cell: row => milliseconds(row.latency?.perOutputTokenMs) },
      { title: '±', right: true, cell: row => percent(row.latency?.uncertainty ?? null) },
      { title: 'at once', right: true, cell: row => String(row.concurrency.inFlight) },
      {
        title: 'at most',
        right: true,
        cell: row => `${row.concurrency.max}${row.concurrency.configured ? '' : ' found'}`,
      },
      { title: 'share', right: true, cell: row => (hasShare.includes(row.state) ? percent(row.share) : '') },
    ],
    { isTerminal, empty: '' },
  );
  const notes = `First token as of a request of ${ordinaryInputTokens} tokens.\n${rest}`;
  return `${isTerminal ? colourMarks(text) : text}\n${notes}`;
}

/** From worst to best, which is also the order of the table. */
const marks: Readonly<Record<string, string>> = {
  misconfigured: '✗',
  open: '✗',
  cooling: '◐',
  probing: '◐',
  saturated: '◐',
  recovering: '◐',
  well: '●',
  idle: '·',
};
/** Others are asked last, whatever their weight. */
const hasShare = ['well', 'recovering', 'probing', 'saturated'];
const colours: Readonly<Record<string, number>> = { '✗': 31, '◐': 33, '●': 32, '·': 2 };

function colourMarks(text: string): string {
  return text.replaceAll(/^[✗◐●·]/gm, mark => `\x1b[${colours[mark]}m${mark}\x1b[0m`);
}

function describeState({ state, breaker, coolingUntil, share }: DeploymentHealthAnswer, atMs: number): string {
  const until = (words: string, instant: string | null) =>
    instant === null ? '' : `${words} ${Math.max(0, Math.ceil((Date.parse(instant) - atMs) / 1_000))} s`;
  const why = breaker.name === null ? '' : `, with ${breaker.scope} ${breaker.name}`;
  switch (state) {
    case 'misconfigured':
      return 'refuses our credential or its model';
    case 'open':
      return `fails: asked last${until(', probed in', breaker.until)}${why}`;
    case 'cooling':
      return `asked to be left alone${until(' for', coolingUntil)}`;
    case 'probing':
      return 'being probed';
    case 'saturated':
      return 'takes no more at once';
    case 'recovering':
      return `comes back: ${percent(share)} of its share`;
    case 'well':
      return 'answers';
    case 'idle':
      return 'nothing known';
    default:
      return state;
  }
}

function firstToken({ latency }: DeploymentHealthAnswer): string {
  return milliseconds(
    latency === null ? undefined : latency.firstTokenMs + latency.perInputTokenMs * ordinaryInputTokens,
  );
}

function milliseconds(value: number | undefined): string {
  if (value === undefined) return '';
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`;
}

function percent(part: number | null): string {
  return part === null ? '' : `${(part * 100).toFixed(1)} %`;
}
