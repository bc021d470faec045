import type { LossLedger } from '../../completion/loss.ts';
import type { CacheMarkRules } from '../../completion/profile.ts';
import type {
  Block,
  CacheMark,
  CompletionRequest,
  DialectName,
  ToolDefinition,
  Turn,
} from '../../completion/request.ts';

type Lifetime = NonNullable<CacheMark['ttl']>;

const minutes: Readonly<Record<Lifetime, number>> = { '5m': 5, '30m': 30, '1h': 60, '12h': 720, '24h': 1440 };

/** Fits the marks of a prompt to what the target knows: the last ones are kept, since they cover the longest prefixes, in
 *  the lifetimes it has, no shorter one before a longer one. Nothing else of the prompt changes, so caches still hit. */
export function lowerCacheMarks(
  request: CompletionRequest,
  rules: CacheMarkRules | undefined,
  client: DialectName,
  losses: LossLedger,
): CompletionRequest {
  const automaticPath = client.startsWith('openai-') ? 'prompt_cache_options' : 'cache_control';
  const found = findMarks(request);
  const automatic = automaticMark(request);
  if (found.length === 0 && automatic === undefined && request.cache?.mode === undefined) return request;
  const marksMax = rules === undefined ? 0 : rules.marksMax - (automatic === undefined ? 0 : 1);
  const carried = found.filter(({ place, path }) => {
    if (rules !== undefined && (place === 'content' || rules.places.has(place))) return true;
    losses.dropped('cache-mark-unsupported', path);
    return false;
  });
  for (const { path } of carried.slice(0, Math.max(carried.length - marksMax, 0))) {
    losses.dropped('cache-marks-over-limit', path);
  }
  if (rules === undefined && automatic !== undefined) losses.dropped('cache-mark-unsupported', automaticPath);
  if (rules === undefined)
    return write(request, new Map(), { ...request.cache, automatic: undefined, mode: undefined });

  const kept = carried.slice(Math.max(carried.length - marksMax, 0));
  const inherited = request.cache?.ttl;
  const asked = [...kept, ...(automatic === undefined ? [] : [{ mark: automatic, path: automaticPath, at: '' }])];
  const wanted = asked.map(({ mark }) => mark.ttl ?? inherited);
  const lifetimes = fitLifetimes(wanted, rules);
  asked.forEach(({ path }, index) => {
    if (lifetimes[index] !== wanted[index]) losses.approximated('cache-lifetime-changed', path);
  });
  const marks = new Map(kept.map(({ at }, index) => [at, { ttl: lifetimes[index] }]));
  const own = automatic === undefined ? undefined : { ttl: lifetimes[kept.length] };
  return write(request, marks, {
    ...request.cache,
    automatic: own,
    mode: own !== undefined ? 'implicit' : (request.cache?.mode ?? (marks.size > 0 ? modeUnsaid(client) : undefined)),
    ttl: undefined,
  });
}

/** Marks are all that is cached where the client's dialect has no word for it; where it has one, it is not said for it. */
function modeUnsaid(client: DialectName): 'explicit' | undefined {
  return client.startsWith('openai-') ? undefined : 'explicit';
}

/** Said as a mark of the whole, or as the mode in which the provider chooses. */
function automaticMark({ cache }: CompletionRequest): CacheMark | undefined {
  return cache?.automatic ?? (cache?.mode === 'implicit' ? { ttl: cache.ttl } : undefined);
}

interface FoundMark {
  readonly mark: CacheMark;
  readonly place: 'tool' | 'call' | 'result' | 'content';
  readonly path: string;
  /** Names the place within the request. */
  readonly at: string;
}

/** In the order of the prompt: tools, instructions and turns. */
function findMarks(request: CompletionRequest): readonly FoundMark[] {
  const found: FoundMark[] = [];
  request.tools.forEach((tool, index) => {
    if (tool.cache === undefined) return;
    const at = `tools.${index}`;
    found.push({ mark: tool.cache, place: 'tool', path: tool.cache.path ?? at, at });
  });
  request.turns.forEach((turn, turnIndex) => {
    turn.blocks.forEach((block, index) => {
      if (markOf(block) === undefined && !hasInner(block)) return;
      const at = `${turnIndex}.${index}`;
      const path = turn.path === 'system' ? `system.${index}` : `${turn.path}.content.${index}`;
      if (block.type === 'result') {
        block.blocks.forEach((inner, innerIndex) => {
          if (inner.cache === undefined) return;
          const place = { at: `${at}.${innerIndex}`, path: `${path}.content.${innerIndex}` };
          found.push({ mark: inner.cache, place: 'content', ...place });
        });
      }
      const mark = markOf(block);
      if (mark !== undefined) found.push({ mark, place: placeOf(block), path: mark.path ?? path, at });
    });
  });
  return found;
}

function markOf(block: Block): CacheMark | undefined {
  return block.type === 'reasoning' ? undefined : block.cache;
}

function placeOf({ type }: Block): FoundMark['place'] {
  return type === 'call' || type === 'result' ? type : 'content';
}

/** Providers want longer lifetimes before shorter ones, so a mark lives at least as long as every later one. */
function fitLifetimes(
  asked: readonly (Lifetime | undefined)[],
  { lifetimes }: CacheMarkRules,
): readonly (Lifetime | undefined)[] {
  const fitted: (Lifetime | undefined)[] = [];
  let longest: Lifetime | undefined;
  for (let index = asked.length - 1; index >= 0; index -= 1) {
    const own = asked[index];
    const fitting = own === undefined ? undefined : nearest(own, lifetimes);
    const raised = longer(fitting, longest, lifetimes[0]!);
    fitted[index] = raised;
    longest = raised;
  }
  return fitted;
}

/** The shortest that lasts as long; else the longest there is. */
function nearest(asked: Lifetime, lifetimes: readonly Lifetime[]): Lifetime {
  return lifetimes.find(lifetime => minutes[lifetime] >= minutes[asked]) ?? lifetimes.at(-1)!;
}

/** What is not said is the provider's shortest. */
function longer(own: Lifetime | undefined, later: Lifetime | undefined, shortest: Lifetime): Lifetime | undefined {
  return minutes[later ?? shortest] > minutes[own ?? shortest] ? later : own;
}

/** The request with these marks and no others. */
function write(
  request: CompletionRequest,
  marks: ReadonlyMap<string, CacheMark>,
  cache: NonNullable<CompletionRequest['cache']>,
): CompletionRequest {
  const tools = request.tools.map((tool, index) => marked(tool, marks.get(`tools.${index}`)));
  const turns = request.turns.map((turn, turnIndex): Turn => {
    if (!turn.blocks.some(block => markOf(block) !== undefined || hasInner(block))) return turn;
    return { ...turn, blocks: turn.blocks.map((block, index) => markedBlock(block, marks, `${turnIndex}.${index}`)) };
  });
  return { ...request, tools, turns, cache };
}

function hasInner(block: Block): boolean {
  return block.type === 'result' && block.blocks.some(({ cache }) => cache !== undefined);
}

function markedBlock(block: Block, marks: ReadonlyMap<string, CacheMark>, at: string): Block {
  if (block.type === 'reasoning') return block;
  if (block.type !== 'result') return marked(block, marks.get(at));
  const blocks = block.blocks.map((inner, index) => marked(inner, marks.get(`${at}.${index}`)));
  return marked({ ...block, blocks }, marks.get(at));
}

function marked<Node extends ToolDefinition | Exclude<Block, { type: 'reasoning' }>>(
  node: Node,
  mark: CacheMark | undefined,
): Node {
  if (node.cache === undefined) return node;
  return { ...node, cache: mark };
}
