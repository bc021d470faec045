import { describeLimit, type Limit } from '../snapshot/limits.ts';
import { type Notice, noticeId } from '../store/notice.ts';

const hourMs = 3_600_000;

/** Told at most once an hour of a limit, by whichever replica is first: that it refused, or as a shadow would have. */
export function limitNotice(
  limit: Limit,
  organisation: string | null,
  { refused, wouldRefuse }: { readonly refused: number; readonly wouldRefuse: number },
  nowMs: number,
): Notice | undefined {
  if (refused + wouldRefuse === 0) return undefined;
  const kind = refused > 0 ? 'limit.reached' : 'limit.would-refuse';
  const hour = new Date(nowMs - (nowMs % hourMs)).toISOString();
  const { id, scope, subject, measure, limit: number } = limit;
  return {
    id: noticeId(kind, id, hour),
    kind,
    organisation,
    body: { limit: describeLimit(limit), scope, subject, measure, number, hour },
  };
}
