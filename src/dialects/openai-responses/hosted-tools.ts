import { toolMeterName } from '../../metering/providers/counts.ts';
import type { HostedToolCalls } from '../../metering/tool-bounds.ts';
import type { RequestScan } from '../dialect.ts';
import { JsonScan } from '../json-scan.ts';
import { NameTable } from '../name-table.ts';
import { isRecord, type WireRecord } from '../wire-values.ts';

/** Tools with a type of their own (openai-node 7.55, responses.ts, 2026-11): the provider runs them, or the client by rules
 *  that only its provider's models know. */
const builtInTypes: ReadonlySet<string> = new Set([
  'web_search',
  'web_search_preview',
  'file_search',
  'code_interpreter',
  'image_generation',
  'mcp',
  'computer',
  'computer_use_preview',
  'local_shell',
  'shell',
  'apply_patch',
  'tool_search',
  'programmatic_tool_calling',
]);

/** Those that are paid for by the call; the others cost the tokens they cause
 *  (https://platform.openai.com/docs/pricing#built-in-tools, 2026-11). */
const pricedTypes: ReadonlySet<string> = new Set([
  'web_search',
  'web_search_preview',
  'file_search',
  'code_interpreter',
  'image_generation',
]);

/** `web_search_2025_08_26` is a version of `web_search`; undefined for a type that is no tool of the API. */
export function builtInType(type: string): string | undefined {
  const plain = type.replace(/_\d{4}_\d{2}_\d{2}$/, '');
  return builtInTypes.has(plain) ? plain : undefined;
}

/** Tools that the provider runs itself, with how often they may run: `max_tool_calls` bounds all of them together, so it bounds
 *  each. What is malformed is the provider's to refuse. */
export function hostedTools(body: Buffer, scan: RequestScan): readonly HostedToolCalls[] {
  if (scan.toolsAt === undefined) return [];
  const tools: unknown = JSON.parse(body.toString('utf8', scan.toolsAt.start, scan.toolsAt.end));
  if (!Array.isArray(tools)) return [];
  const meters = tools.flatMap(tool => {
    const type = isRecord(tool) && typeof tool['type'] === 'string' ? builtInType(tool['type']) : undefined;
    return type === undefined || !pricedTypes.has(type) ? [] : [meterOf(type)];
  });
  if (meters.length === 0) return [];
  const callsMax = toolCallsMax(body);
  return [...new Set(meters)].map(meter => ({ meter, callsMax }));
}

/** Both kinds of web search are counted by one word, since calls do not say which they are. */
function meterOf(type: string): string {
  return toolMeterName(type === 'web_search_preview' ? 'web_search' : type)!; // All of them are words.
}

const limitField = new NameTable(['max_tool_calls']);

function toolCallsMax(body: Buffer): number | undefined {
  const scan = new JsonScan();
  scan.start(body, 0, body.length);
  scan.enter();
  while (scan.nextMember()) {
    if (scan.key(limitField) === -1) {
      scan.skip();
      continue;
    }
    const said = scan.parse();
    return typeof said === 'number' && Number.isSafeInteger(said) && said >= 0 ? said : undefined;
  }
  return undefined;
}

const countedItems: ReadonlyMap<string, string> = new Map([
  ['web_search_call', meterOf('web_search')],
  ['file_search_call', meterOf('file_search')],
  ['code_interpreter_call', meterOf('code_interpreter')],
  ['image_generation_call', meterOf('image_generation')],
]);

/** The meter of an item of an answer; undefined for one that is not paid for by the call. Of web searches only the searches
 *  themselves are, not the pages that are opened and searched through
 *  (https://platform.openai.com/docs/guides/tools-web-search, 2026-11). */
export function meterOfItem(item: WireRecord): string | undefined {
  const meter = countedItems.get(String(item['type']));
  if (item['type'] !== 'web_search_call') return meter;
  const { action } = item;
  const isSearch = !isRecord(action) || action['type'] === undefined || action['type'] === 'search';
  return isSearch ? meter : undefined;
}
