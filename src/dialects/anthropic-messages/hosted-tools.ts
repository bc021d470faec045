import { toolMeterName } from '../../metering/providers/counts.ts';
import type { HostedToolCalls } from '../../metering/tool-bounds.ts';
import type { RequestScan } from '../dialect.ts';

/** Versions of a tool differ by a date: `web_search_20250305`
 *  (https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool, 2026-11). */
const datedType = /^([a-z][a-z0-9_]{0,63})_\d{8}$/;

/** Tools that the provider runs itself, with how often they may run: `max_uses` of each, added up. Tools of the client's
 *  own have no dated type, or one that has no price. What is malformed is the provider's to refuse. */
export function hostedTools(body: Buffer, scan: RequestScan): readonly HostedToolCalls[] {
  if (scan.toolsAt === undefined) return [];
  const tools: unknown = JSON.parse(body.toString('utf8', scan.toolsAt.start, scan.toolsAt.end));
  if (!Array.isArray(tools)) return [];
  return tools.flatMap((tool: { type?: unknown; max_uses?: unknown } | null) => {
    const name = typeof tool?.type === 'string' ? datedType.exec(tool.type)?.[1] : undefined;
    const meter = name === undefined ? undefined : toolMeterName(name);
    return meter === undefined ? [] : [{ meter, callsMax: callsMax(tool?.max_uses) }];
  });
}

function callsMax(said: unknown): number | undefined {
  return typeof said === 'number' && Number.isSafeInteger(said) && said >= 0 ? said : undefined;
}
