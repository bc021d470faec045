import { formatTable, printable } from './table.ts';

/** GET /api/v1/decisions/{id} as it is shown. */
export interface ExplanationAnswer {
  readonly id: string;
  readonly at: string;
  readonly requestedModel: string;
  readonly dialect: string;
  readonly status: string;
  readonly outcome: string;
  readonly durationMs: number;
  readonly policy: string;
  readonly asked: {
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly zones?: readonly string[];
    readonly needs?: readonly string[];
    readonly costNanoMax?: number;
    readonly hasSession?: boolean;
  };
  readonly panic: boolean;
  readonly epoch: number;
  readonly seed: string;
  readonly candidates: readonly CandidateAnswer[];
  readonly attempts: readonly {
    readonly attempt: number;
    readonly deployment: string;
    readonly outcome: string;
    readonly status: number | null;
    readonly durationMs: number;
    readonly firstByteMs: number | null;
  }[];
  readonly relaxations: readonly { readonly lift: readonly string[]; readonly deployments: readonly string[] }[];
  readonly replay: 'same' | 'different' | 'unreadable';
  readonly record: string;
}

interface CandidateAnswer {
  readonly deployment: string;
  readonly fate: 'answered' | 'tried' | 'reserve' | 'left-out';
  readonly place: number | null;
  readonly reasons: readonly string[];
  readonly weight: number;
  readonly priority: number;
  readonly chancePpm: number;
  readonly costNano: number | null;
  readonly savedNano: number | null;
  readonly health: Readonly<Record<string, unknown>>;
}

/** Why an exchange went where it went, for people who need not know how it is built. */
export function formatExplanation(answer: ExplanationAnswer, isTerminal: boolean): string {
  const bold = (text: string) => (isTerminal ? `\x1b[1m${text}\x1b[22m` : text);
  const section = (title: string, lines: readonly string[]) =>
    `${bold(title)}\n${lines.map(line => `  ${line}`).join('\n')}\n`;
  return [
    section('What was asked', asked(answer)),
    section('Who could have answered', table(answer, isTerminal).trimEnd().split('\n')),
    section('How the order came about', choice(answer)),
    section('What was tried', tried(answer)),
    section('How it ended', [ended(answer), replayed(answer)]),
  ].join('\n');
}

const reasonWords: Readonly<Record<string, string>> = {
  NOT_ALLOWED: 'the key may not use it',
  ZONE_NOT_ALLOWED: 'it processes outside of the allowed zones',
  ZONE_UNKNOWN: 'nobody says where it processes',
  PRICE_UNKNOWN: 'it has no complete price',
  DIALECT_UNSUPPORTED: 'the request cannot be carried to its wire format',
  CAPABILITY_MISSING: 'it cannot do what the request needs',
  CONTEXT_TOO_SMALL: 'the request is longer than it can read',
  TIER_NOT_WANTED: 'it is of another service tier',
  COST_OVER_CAP: 'the request is expected to cost more than the route allows, or cannot be priced',
  SATURATED: 'it was full',
  COOLING_DOWN: 'it had asked to be left alone for a while',
  BREAKER_OPEN: 'it had kept failing',
  MISCONFIGURED: 'it refused our credential',
};

/** What is to be done to lift a rule. */
const liftWords: Readonly<Record<string, string>> = {
  NOT_ALLOWED: 'let the key use it',
  ZONE_NOT_ALLOWED: 'widen the zones',
  ZONE_UNKNOWN: 'say where it processes, or allow GLOBAL',
  PRICE_UNKNOWN: 'publish its prices in both books',
  DIALECT_UNSUPPORTED: 'ask in its wire format',
  CAPABILITY_MISSING: 'ask without what it cannot do',
  CONTEXT_TOO_SMALL: 'ask with less input',
  TIER_NOT_WANTED: 'allow its tier',
  COST_OVER_CAP: 'raise costMax of the route',
};

const policyWords: Readonly<Record<string, string>> = {
  priority: 'lowest priority first; within one, by weight',
  weighted: 'by weight alone',
  cheapest: 'the cheapest for this customer, unless it fails often',
  fastest: 'the fastest, unless it fails often',
  balanced: 'price and speed together, unless it fails often',
  sticky: 'one session stays at one place, sessions are shared out by weight',
};

function asked({ id, at, requestedModel, dialect, policy, asked: facts }: ExplanationAnswer): string[] {
  const limits = [
    facts.zones === undefined
      ? undefined
      : `It may be processed in ${facts.zones.join(', ') || 'no zone at all'} only.`,
    facts.needs === undefined ? undefined : `It needs ${facts.needs.join(', ')}.`,
    facts.costNanoMax === undefined ? undefined : `The route lets it cost ${money(facts.costNanoMax)} at most.`,
  ].filter(line => line !== undefined);
  return [
    printable(`Exchange ${id}, ${at.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}, in ${dialect}.`),
    printable(
      `“${requestedModel}” was asked for, with about ${count(facts.inputTokens)} tokens of input; about ${count(facts.outputTokens)} were expected back.`,
    ),
    `Policy ${policy}: ${policyWords[policy] ?? 'unknown here'}.`,
    ...limits.map(printable),
  ];
}

function table({ candidates }: ExplanationAnswer, isTerminal: boolean): string {
  const hasCost = candidates.some(({ costNano }) => costNano !== null);
  return formatTable(
    candidates,
    [
      { title: 'place', right: true, cell: ({ place }) => (place === null ? '–' : String(place)) },
      { title: 'deployment', cell: ({ deployment }) => deployment },
      {
        title: 'chance of being first',
        right: true,
        cell: ({ chancePpm, place }) => (place === null ? '' : percent(chancePpm)),
      },
      ...(hasCost
        ? [
            {
              title: 'expected cost',
              right: true,
              cell: ({ costNano, savedNano }: CandidateAnswer) =>
                costNano === null ? 'not known' : money(costNano - (savedNano ?? 0)),
            },
          ]
        : []),
      { title: 'what became of it', cell: fate },
    ],
    { isTerminal, empty: 'nobody: the route has no candidates' },
  );
}

function fate({ fate: became, reasons, savedNano }: CandidateAnswer): string {
  const why = reasons.map(reason => reasonWords[reason] ?? reason).join('; ');
  const warm = savedNano === null ? '' : ', part of the prompt still in its cache';
  switch (became) {
    case 'answered':
      return `answered${warm}`;
    case 'tried':
      return `was tried, did not answer${warm}`;
    case 'reserve':
      return why === '' ? `held in reserve${warm}` : `held in reserve, last: ${why}`;
    default:
      return `left out: ${why}`;
  }
}

function choice({ candidates, panic, policy, epoch, asked: facts, relaxations }: ExplanationAnswer): string[] {
  const able = candidates.filter(({ place }) => place !== null);
  if (able.length === 0) {
    const ways = relaxations.map(
      ({ lift, deployments }) =>
        `Nearest way: ${lift.map(rule => liftWords[rule] ?? rule).join(', and ')}. That would let in ${deployments.join(', ')}.`,
    );
    return ['Every candidate was ruled out, so the request was refused: rules are never bent.', ...ways.map(printable)];
  }
  const lines: string[] = [];
  if (able.length === 1) lines.push(printable(`Only ${able[0]!.deployment} was left, so there was nothing to choose.`));
  const tied = able.filter(({ chancePpm }) => chancePpm > 0);
  if (able.length > 1 && tied.length === 1)
    lines.push(printable(`${tied[0]!.deployment} came before all others by the policy; nothing was left to chance.`));
  if (tied.length > 1) {
    const names = tied.map(({ deployment, chancePpm }) => `${deployment} (${percent(chancePpm)})`).join(', ');
    lines.push(printable(`Nothing told these apart: ${names}.`));
    lines.push(
      policy === 'sticky' && facts.hasSession === true
        ? 'Its session chose among them, as it will next time.'
        : `A draw by weight decided, from the seed of minute ${epoch}, which was fixed ahead of it.`,
    );
  }
  const makers = able.filter(({ health }) => health['madeState'] === true).map(({ deployment }) => deployment);
  if (makers.length > 0 && able.length > makers.length)
    lines.push(
      printable(`${makers.join(', ')} came first because the request gives back what that model thought before.`),
    );
  if (panic)
    lines.push('More than half of the candidates were unwell, so those were kept in reserve rather than left out.');
  return lines;
}

function tried({ attempts }: ExplanationAnswer): string[] {
  if (attempts.length === 0) return ['Nothing was sent to anybody.'];
  return attempts.map(({ attempt, deployment, outcome, status, durationMs, firstByteMs }) => {
    const how =
      outcome === 'ok'
        ? 'answered'
        : outcome === 'hedge_lost'
          ? 'was cancelled: another one, asked at the same time, answered first'
          : `failed: ${outcome}${status === null ? '' : ` (status ${status})`}`;
    const first = firstByteMs === null ? '' : `, first byte after ${count(firstByteMs)} ms`;
    return printable(`${attempt}. ${deployment} ${how}${first}, over after ${count(durationMs)} ms`);
  });
}

function ended({ outcome, status, durationMs, attempts }: ExplanationAnswer): string {
  const took = `after ${count(durationMs)} ms in all`;
  if (outcome !== 'ok') return printable(`The client was told ${outcome} ${took}; the exchange is ${status}.`);
  const failed = attempts.length - 1;
  const unseen =
    failed > 0 ? `; ${failed} failed ${failed === 1 ? 'attempt' : 'attempts'} before it stayed unseen` : '';
  return `The client got its answer ${took}${unseen}; the exchange is ${status}.`;
}

function replayed({ replay }: ExplanationAnswer): string {
  if (replay === 'same') return 'Decided again from its record, it comes out the same, byte for byte.';
  if (replay === 'different')
    return 'Decided again from its record, it comes out DIFFERENT: `carrier replay` shows where.';
  return 'Another release decided it; this one cannot decide it again.';
}

function percent(ppm: number): string {
  return `${(ppm / 10_000).toFixed(1)} %`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Nine decimals, without those at the end that say nothing. */
export function money(nano: number | bigint): string {
  const digits = (nano < 0 ? -nano : nano).toString().padStart(10, '0');
  const decimals = digits.slice(-9).replace(/0+$/, '');
  return `${nano < 0 ? '-' : ''}${digits.slice(0, -9)}${decimals === '' ? '' : `.${decimals}`}`;
}
