import { toolMeterName } from '../../metering/providers/counts.ts';
import type { HostedToolCalls } from '../../metering/tool-bounds.ts';
import type { RequestScan } from '../dialect.ts';

/** Tools that the provider runs itself, by their names, such as `nova_grounding`; how often is not said
 *  (https://docs.aws.amazon.com/nova/latest/nova2-userguide/web-grounding.html, 2026-11). What is malformed is the provider's to
 *  refuse. */
export function hostedTools(body: Buffer, scan: RequestScan): readonly HostedToolCalls[] {
  if (scan.toolsAt === undefined) return [];
  const tools: unknown = JSON.parse(body.toString('utf8', scan.toolsAt.start, scan.toolsAt.end));
  if (!Array.isArray(tools)) return [];
  return tools.flatMap((tool: { systemTool?: { name?: unknown } | null } | null) => {
    const name = tool?.systemTool?.name;
    const meter = typeof name === 'string' ? toolMeterName(name) : undefined;
    return meter === undefined ? [] : [{ meter, callsMax: undefined }];
  });
}
