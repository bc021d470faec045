import assert from 'node:assert/strict';
import type { CompletionEvent } from '../../src/completion/event.ts';
import { LossLedger } from '../../src/completion/loss.ts';
import { dialects } from '../../src/dialects/registry.ts';
import { translateRequest } from '../../src/dialects/translate.ts';
import { type OnFailure, onFailureModes } from '../../src/gateway/go-on.ts';
import { profileOf } from '../../src/gateway/profiles.ts';
import { chargedAtto } from '../../src/journal/charged.ts';
import type { EndRecord } from '../../src/journal/record.ts';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';
import { type MatrixDialect, matrixDialects } from './dialects.ts';
import { type Stage, type StagedProviders, startStagedProviders } from './staged-provider.ts';
import { expected, type FaultName, faultNames, faults, healthOf, type Level, levels, type Outcome } from './table.ts';

/** One cell of the matrix: a fault at a point of the answer, between some dialects. */
export interface Cell {
  readonly number: number;
  readonly fault: FaultName;
  readonly level: Level;
  readonly mode: OnFailure;
  readonly stream: boolean;
  readonly client: MatrixDialect;
  /** In which the provider is called that fails, and the one that is asked next. */
  readonly subject: MatrixDialect;
  readonly reserve: MatrixDialect;
  readonly outcome: Outcome;
}

export function allCells(): readonly Cell[] {
  const cells: Omit<Cell, 'number'>[] = [];
  for (const client of matrixDialects) {
    for (const subject of matrixDialects) {
      for (const reserve of matrixDialects) {
        const way = { client, subject, reserve };
        for (const fault of faultNames) {
          for (const mode of onFailureModes) {
            for (const level of levels) {
              const across = isAcross(client, subject, level);
              const isWhole = subject.mayLackEnd === true && level === 'C5' && lacksEnd(fault, mode, across);
              let told = isWhole ? 'passed' : expected({ fault, level, mode, across });
              if (told === 'error' && isUnseen(client, subject, level)) {
                // Of what a provider plans it has a text.
                const hasText = level === 'C4' && subject.plansCalls === true;
                if (!hasText) told = 'answered';
                else if (mode === 'restart') told = 'restarted';
              }
              // Nobody is left who could go on with a text.
              const outcome = told !== undefined && mode === 'continue' && !reserve.continues ? 'impossible' : told;
              if (outcome !== undefined) cells.push({ fault, level, mode, stream: true, ...way, outcome });
            }
            if (faults[fault].whole)
              cells.push({ fault, level: 'C0', mode, stream: false, ...way, outcome: 'answered' });
          }
        }
      }
    }
  }
  return cells.map((cell, number) => ({ number: number + 1, ...cell }));
}

/** Is nothing missing but the last event? One that cannot be read passes where bytes do. */
function lacksEnd(fault: FaultName, mode: OnFailure, across: boolean): boolean {
  return fault === 'truncated' || (fault === 'invalid-json' && mode === 'error' && !across);
}

/** One way of each kind that `kindOf` tells apart, another one each time, so that all ways come about. */
export function oneOfEach(cells: readonly Cell[], kindOf: (cell: Cell) => readonly unknown[]): readonly Cell[] {
  const kinds = Map.groupBy(cells, cell => kindOf(cell).join());
  return [...kinds.values()].map((ways, kind) => ways[kind % ways.length]!);
}

/** Across dialects the reason for the end is written with the end, and in some dialects it always is. */
function isAcross(client: MatrixDialect, subject: MatrixDialect, level: Level): boolean {
  return client !== subject || (level === 'C5' && subject.endsAtOnce);
}

/** Has the client nothing yet, though the provider has begun? */
function isUnseen(client: MatrixDialect, subject: MatrixDialect, level: Level): boolean {
  return client.showsLate === true && client !== subject && (level === 'C1' || level === 'C4');
}

export function titleOf({ fault, level, mode, stream, client, subject, reserve, outcome }: Cell): string {
  const way = `${client.dialect.name} by ${subject.dialect.name}, then ${reserve.dialect.name}`;
  return `${fault} at ${level}, ${mode}, ${stream ? 'streamed' : 'whole'}, ${way}: ${outcome}`;
}

/** 48 letters, twelve tokens of the emulator. */
const text = 'Every model, carried on equal terms, by any host';
const callArguments = '{"at":"a place with a long name"}';

/** Runs cells and says which of them went otherwise, with what was seen. Time stands still but where every open cell
 *  waits for it, so no deadline strikes by chance. */
export async function runCells(cells: readonly Cell[]): Promise<readonly string[]> {
  const providers = await startStagedProviders();
  const clock = { ms: 0 };
  const told: string[] = [];
  const gateway = await startMatrixGateway(providers, clock, told);
  try {
    const wrong: string[] = [];
    const isTimed = ({ fault, level, outcome }: Cell) =>
      outcome !== 'impossible' && (level === 'C1' || fault === 'stall' || fault === 'slow-start');
    const run = async (cell: Cell, stages: Set<OpenCell>) => {
      const problem = await runCell(providers, gateway, cell, stages).catch(String);
      if (problem !== undefined) wrong.push(`${titleOf(cell)}\n${problem}`);
    };
    const timeless = cells.filter(cell => !isTimed(cell));
    for (let at = 0; at < timeless.length; at += together) {
      await Promise.all(timeless.slice(at, at + together).map(cell => run(cell, new Set())));
    }
    const timed = cells.filter(isTimed);
    for (let at = 0; at < timed.length; at += 8 * together) {
      const open = new Set<OpenCell>();
      let isOver = false;
      const all = Promise.all(timed.slice(at, at + 8 * together).map(cell => run(cell, open))).then(() => {
        isOver = true;
      });
      while (!isOver) {
        await new Promise(resolve => setTimeout(resolve, 20));
        if ([...open].every(({ waits }) => waits)) clock.ms += advanceMs;
      }
      await all;
    }
    if (wrong.length === 0) wrong.push(...checkHealth(cells, told));
    return wrong;
  } finally {
    await gateway.stop();
    await providers.stop();
  }
}

/** Cells run beside each other, so what health was told is compared as a whole: by deployment, how often what. */
function checkHealth(cells: readonly Cell[], told: readonly string[]): readonly string[] {
  const wanted = cells.flatMap(cell => {
    const { subject, reserve, client, fault, outcome } = cell;
    const place = { ...cell, across: isAcross(client, subject, cell.level) };
    const health = outcome === 'passed' ? 'answered' : healthOf(place);
    if (health === undefined || outcome === 'impossible') return [];
    const how = fault === 'refused' || fault === 'tls-reset' ? ` ${fault}` : '';
    const failed = `subject${how} ${subject.dialect.name} ${cell.stream ? health : faults[fault].health}`;
    const isRelieved = outcome !== 'error' && outcome !== 'passed';
    return isRelieved ? [failed, `reserve ${reserve.dialect.name} answered`] : [failed];
  });
  const [seen, due] = [told, wanted].map(list => Map.groupBy(list, line => line));
  const lines = new Set([...told, ...wanted]);
  return [...lines].flatMap(line => {
    const [was, should] = [seen!.get(line)?.length ?? 0, due!.get(line)?.length ?? 0];
    return was === should ? [] : [`health: ${line}: ${was} times instead of ${should}`];
  });
}

const together = 12;
/** More than the 250 ms for which quiet events are kept; ten of them are more than the deadlines of the routes. */
const advanceMs = 300;
const deadlineMs = 2_900;

interface OpenCell {
  waits: boolean;
}

async function runCell(
  providers: StagedProviders,
  gateway: TestGateway,
  cell: Cell,
  opened: Set<OpenCell>,
): Promise<string | undefined> {
  const open: OpenCell = { waits: false };
  opened.add(open);
  let show = () => {};
  const shown = new Promise<void>(resolve => {
    show = resolve;
  });
  if (isUnseen(cell.client, cell.subject, cell.level)) show();
  const stage: Stage = {
    fault: cell.fault,
    level: cell.level,
    stream: cell.stream,
    inPieces: cell.number % 3 > 0,
    shown,
    waits: () => {
      open.waits = true;
    },
    relieved: () => {
      open.waits = false;
    },
  };
  providers.stage(cell.number, stage);
  try {
    const response = await fetch(gateway.url + cell.client.path(modelOf(cell), cell.stream), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${secret}`,
        'content-type': 'application/json',
        'anthropic-version': '2023-06-01',
        'x-carrier-on-failure': cell.mode,
      },
      body: new Uint8Array(requestOf(cell)),
    });
    // Quiet events come with the status; content comes with the first bytes.
    if (cell.level === 'C1') show();
    const chunks: Buffer[] = [];
    for await (const chunk of response.body!) {
      chunks.push(Buffer.from(chunk));
      show();
    }
    return checkCell(gateway, cell, response, Buffer.concat(chunks));
  } finally {
    opened.delete(open);
  }
}

function requestOf(cell: Cell): Buffer {
  const { number, client, level, stream } = cell;
  const isCall = level === 'C4';
  const asked = isCall ? `call the tool look with ${callArguments}` : `say exactly: ${text}`;
  const chat = {
    model: modelOf(cell),
    stream,
    ...(stream ? { stream_options: { include_usage: true } } : {}),
    max_tokens: 4_000,
    messages: [{ role: 'user', content: `cell ${number}. think for 20 tokens.\n${asked}` }],
    ...(level === 'C3' ? { reasoning_effort: 'low' } : {}),
    ...(isCall ? { tools: [{ type: 'function', function: { name: 'look', parameters: look } }] } : {}),
  };
  const bytes = Buffer.from(JSON.stringify(chat));
  if (client.dialect.name === 'openai-chat') return bytes;
  const profile = profileOf(client.kind, client.dialect.name, client.targetModel);
  const target = { targetModel: chat.model, outputTokensMax: 4_000, profile };
  return translateRequest(bytes, { client: dialects.get('openai-chat')!, provider: client.dialect, target }).body;
}

/** The route by whose candidates the cell is answered. */
function modelOf({ subject, reserve, fault }: Cell): string {
  const how = fault === 'refused' || fault === 'tls-reset' ? `-${fault}` : '';
  return `${subject.dialect.name}-${reserve.dialect.name}${how}`;
}

const look = { type: 'object', properties: { at: { type: 'string' } }, required: ['at'], additionalProperties: false };

/** undefined: all is as it should be. */
function checkCell(gateway: TestGateway, cell: Cell, response: Response, bytes: Buffer): string | undefined {
  const body = bytes.toString('latin1');
  const seen = seenOutcome(cell, response, bytes);
  if (seen !== cell.outcome) return `seen: ${seen}\n${response.status}\n${body}`;
  if (cell.outcome === 'impossible') return undefined;
  const id = response.headers.get('x-carrier-exchange-id');
  const records = gateway.records.filter(record => record.id === id);
  const ends = records.filter(record => record.type === 'end');
  try {
    assert.equal(ends.length, 1, 'one end');
    checkEnd(cell, ends[0]!, records.filter(({ type }) => type === 'attempt').length);
    checkMoney(cell, gateway, ends[0]!);
    return undefined;
  } catch (error) {
    return `${(error as Error).message}\n${body}\n${JSON.stringify({ ...ends[0], decision: undefined })}`;
  }
}

/** What the client got, in the words of the table; anything else in its own. */
function seenOutcome(cell: Cell, response: Response, bytes: Buffer): string {
  const { client, level, stream } = cell;
  if (response.headers.get('x-carrier-fault') === 'on_failure_impossible') return 'impossible';
  if (response.status !== 200) return `status ${response.status}`;
  const { dialect } = client;
  if (!stream) {
    const events = dialect.decodeAnswer(bytes, new LossLedger());
    return contentOf(events, false) === text ? 'answered' : 'another answer';
  }
  // A letter a byte, so that a place in it is one in the bytes.
  const body = bytes.toString('latin1');
  const terminals = body.match(client.terminal)?.length ?? 0;
  if (cell.outcome === 'passed' && client.mayLackEnd === true && terminals === 0) return 'passed';
  if (terminals !== 1) return `${terminals} terminal events`;
  const notices = (['restart', 'seam'] as const).filter(type => body.includes(client.notice(type)));
  if (notices.length > 1) return 'two notices';
  // After a restart only what follows counts; the stream is read as a whole, as a client would.
  const decoder = dialect.decodeStream(new LossLedger());
  const cut = notices[0] === 'restart' ? body.indexOf(client.notice('restart')) : 0;
  const isCall = level === 'C4';
  const reasoning = new Set<number>();
  const before = contentOf(decoder.push(bytes.subarray(0, cut)), isCall, reasoning);
  const events = [...decoder.push(bytes.subarray(cut)), ...decoder.finish()];
  const isError = events.at(-1)?.type === 'error';
  const content = contentOf(events, isCall, reasoning);
  const wanted = isCall ? callArguments : text;
  if (cell.outcome === 'passed') return 'passed';
  if (isError) return notices.length > 0 || !wanted.startsWith(content) ? 'a splice with an error' : 'error';
  if (content !== wanted) return `a splice: ${JSON.stringify(content)}`;
  if (notices[0] === 'restart') return wanted.startsWith(before) ? 'restarted' : 'a splice before a restart';
  return notices[0] === 'seam' ? 'continued' : 'answered';
}

/** Text and arguments. Reasoning is not compared, nor the text beside a call, since a model may say what it plans. */
function contentOf(events: readonly CompletionEvent[], isCall: boolean, reasoning = new Set<number>()): string {
  let content = '';
  for (const event of events) {
    if (event.type === 'block-open' && event.block.type === 'reasoning') reasoning.add(event.index);
    if (event.type === 'arguments-delta' || (!isCall && event.type === 'text-delta' && !reasoning.has(event.index))) {
      content += event.text;
    }
  }
  return content;
}

function checkEnd(cell: Cell, end: EndRecord, sent: number): void {
  assert.equal(end.attempts.length, sent, 'every attempt is recorded');
  assert.ok(sent <= 3, 'at most three attempts');
  const isWhole = cell.outcome !== 'error';
  assert.equal(end.outcome === 'ok', isWhole, `outcome ${end.outcome}`);
  const deployments = end.attempts.map(({ deployment }) => deployment.split(' ')[0]);
  const wanted = cell.outcome === 'error' || cell.outcome === 'passed' ? ['subject'] : ['subject', 'reserve'];
  assert.deepEqual(deployments, wanted);
  const notices = end.losses.map(({ code }) => code).filter(code => code.startsWith('answer-'));
  const declared = { restarted: ['answer-restarted'], continued: ['answer-continued'] } as const;
  assert.deepEqual(notices, declared[cell.outcome as 'restarted'] ?? [], 'the seam is declared');
}

/** What failed is booked and not charged; what was answered is charged once, by its own reading, within the hold. */
function checkMoney(cell: Cell, gateway: TestGateway, end: EndRecord): void {
  const wasted = end.outcome === 'ok' ? end.attempts.slice(0, -1) : [];
  for (const attempt of wasted) {
    const hadContent = cell.level !== 'C0' && cell.level !== 'C1';
    if (hadContent) assert.ok(BigInt(attempt.buy?.amountAtto ?? 0) > 0n, 'waste is accounted');
  }
  const answered = end.attempts.at(-1)!;
  assert.ok(end.sell !== undefined, 'what was delivered is charged');
  assert.deepEqual(
    end.sell.lines.map(({ meter, quantity }) => [meter, quantity]),
    answered.buy?.lines.map(({ meter, quantity }) => [meter, quantity]),
    'charged as one attempt was read',
  );
  assert.equal(end.sell.overHoldAtto, '0');
  const admit = gateway.records.find(record => record.type === 'admit' && record.id === end.id);
  assert.ok(admit?.type === 'admit' && chargedAtto(end.sell) <= BigInt(admit.hold.amountAtto), 'within the hold');
}

async function startMatrixGateway(
  providers: StagedProviders,
  clock: { ms: number },
  told: string[],
): Promise<TestGateway> {
  const accounts = matrixDialects.flatMap(row => {
    const account = (role: string, url: string) => ({
      name: `${role} ${row.dialect.name}`,
      // Who fails is of a kind that says nothing special.
      kind: role === 'reserve' ? row.kind : 'emulated',
      dialects: [row.dialect.name],
      baseUrl: url,
      targetModel: role === 'reserve' ? row.targetModel : 'subject',
    });
    return [
      account('subject', providers.subjectUrl),
      account('subject refused', providers.refusingUrl),
      account('subject tls-reset', providers.resettingUrl),
      account('reserve', `${providers.reserveUrl}${row.dialect.name.startsWith('openai-') ? '/v1' : ''}`),
    ];
  });
  const policy = { connectTimeoutMs: deadlineMs, firstByteTimeoutMs: deadlineMs, idleTimeoutMs: deadlineMs };
  return startGateway({
    ports: {
      clock: { nowMs: Date.now, monotonicMs: () => clock.ms },
      // Cells must not cool each other down.
      health: {
        of: () => undefined,
        inFlight: () => 0,
        begin: () => true,
        end: (handle, { kind }) => void told.push(`${handle.slice('h-'.length)} ${kind}`),
      },
    },
    budgetAtto: 10n ** 24n,
    snapshot: {
      budgets: [{ id: 'b1', subject: 'web' }],
      providers: accounts,
      deployments: accounts.map(({ name, targetModel }) => ({
        id: name,
        provider: name,
        model: `lab/${name.replaceAll(' ', '-')}`,
        targetModel,
      })),
      routes: matrixDialects.flatMap(subject =>
        matrixDialects.flatMap(reserve =>
          ['', '-refused', '-tls-reset'].map(how => ({
            name: `${subject.dialect.name}-${reserve.dialect.name}${how}`,
            candidates: [
              { deployment: `subject${how.replace('-', ' ')} ${subject.dialect.name}`, priority: 1 },
              { deployment: `reserve ${reserve.dialect.name}`, priority: 2 },
            ],
            policy,
          })),
        ),
      ),
    },
  });
}
