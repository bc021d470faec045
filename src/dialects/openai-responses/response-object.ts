import { inputTotal, outputTotal, type UsageSlices } from '../../completion/usage.ts';
import type { AnswerContext } from '../dialect.ts';
import { JsonScan } from '../json-scan.ts';
import { NameTable } from '../name-table.ts';
import { isRecord } from '../wire-values.ts';

/** The response that events and whole answers show. It repeats what the request asked for, in the client's own bytes, as the API
 *  does; what the client left out has the API's default
 *  (https://platform.openai.com/docs/api-reference/responses/object and openai-node 7.55, 2026-11). */
const defaults = {
  instructions: 'null',
  max_output_tokens: 'null',
  max_tool_calls: 'null',
  metadata: '{}',
  parallel_tool_calls: 'true',
  prompt_cache_key: 'null',
  prompt_cache_retention: 'null',
  reasoning: '{"effort":null,"summary":null}',
  safety_identifier: 'null',
  temperature: '1',
  text: '{"format":{"type":"text"},"verbosity":"medium"}',
  tool_choice: '"auto"',
  tools: '[]',
  top_p: '1',
  user: 'null',
} as const satisfies Readonly<Record<string, string>>;

const echoed = new NameTable(Object.keys(defaults));
/** Objects of which clients say a part: the rest has its default. */
const partial: ReadonlySet<string> = new Set(['reasoning', 'text']);

export interface ResponseState {
  readonly status: 'in_progress' | 'completed' | 'incomplete';
  readonly incompleteReason: string | null;
  /** Items as JSON. */
  readonly output: readonly string[];
  readonly usage: UsageSlices | undefined;
  readonly serviceTier: string | undefined;
  /** Members beside those of the API, such as the provider's own word for the end. */
  readonly beside?: Readonly<Record<string, unknown>>;
}

export class ResponseObject {
  readonly id: string;
  readonly #createdAt: number;
  /** Members between the first ones and the answer's own, as JSON. */
  readonly #asked: string;

  constructor(context: AnswerContext, id: string | undefined) {
    this.id = id ?? `resp_${context.exchangeId}`;
    this.#createdAt = Math.floor(context.createdAtMs / 1000);
    this.#asked = askedMembers(context.requestBody);
  }

  json(model: string, state: ResponseState): string {
    const { status, incompleteReason, output, usage, serviceTier, beside } = state;
    const head = {
      id: this.id,
      object: 'response',
      created_at: this.#createdAt,
      status,
      background: false,
      error: null,
      incomplete_details: incompleteReason === null ? null : { reason: incompleteReason },
      model,
      previous_response_id: null,
      // Nothing is stored, whatever was asked for.
      store: false,
      top_logprobs: 0,
      truncation: 'disabled',
      service_tier: serviceTier ?? 'default',
      usage: usage === undefined ? null : encodeUsage(usage),
      ...beside,
    };
    return `${JSON.stringify(head).slice(0, -1)},${this.#asked},"output":[${output.join(',')}]}`;
  }
}

function askedMembers(body: Buffer | undefined): string {
  const said = body === undefined ? new Map<string, string>() : readEchoed(body);
  return Object.entries(defaults)
    .map(([name, unless]) => `"${name}":${memberOf(name, said.get(name), unless)}`)
    .join(',');
}

function memberOf(name: string, said: string | undefined, unless: string): string {
  if (said === undefined || said === 'null') return unless;
  if (!partial.has(name)) return said;
  const value: unknown = JSON.parse(said);
  if (!isRecord(value)) return unless;
  // Null says nothing.
  const told = Object.entries(value).filter(([, member]) => member !== null);
  return JSON.stringify({ ...JSON.parse(unless), ...Object.fromEntries(told) });
}

/** The body was scanned before: it is one JSON object, and a value that stands twice counts the last time. */
function readEchoed(body: Buffer): Map<string, string> {
  const said = new Map<string, string>();
  const scan = new JsonScan();
  scan.start(body, 0, body.length);
  scan.enter();
  while (scan.nextMember()) {
    const field = scan.key(echoed);
    const start = scan.at;
    scan.skip();
    // Line ends would end the event that it stands in.
    if (field !== -1) said.set(echoed.names[field]!, oneLine(body.toString('utf8', start, scan.at)));
  }
  return said;
}

/** JSON has line ends between its values only. */
function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replace(/[\r\n]+/g, ' ') : json;
}

/** The inverse of usage.ts. Clients rely on every member, so what was not said is zero here; the ledger has its own. */
export function encodeUsage(usage: UsageSlices): unknown {
  const input = inputTotal(usage);
  const output = outputTotal(usage);
  const { cacheRead = 0, cacheWrite5m = 0, cacheWrite1h = 0, reasoning = 0 } = usage;
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: cacheRead,
      cache_write_tokens: cacheWrite5m + cacheWrite1h,
      // Only where it says more: @openai/agents 0.20 takes nothing but numbers here.
      ...(cacheWrite1h === 0
        ? undefined
        : { cache_write_tokens_details: { ttl_30m_tokens: cacheWrite5m, ttl_12h_tokens: cacheWrite1h } }),
    },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output,
  };
}
