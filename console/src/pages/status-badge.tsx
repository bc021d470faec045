import type { Schemas } from '../api/client.ts';
import { Badge, type Tone } from '../ui/parts.tsx';

type Status = Schemas['ExchangeSummary']['status'];

const tones: Readonly<Record<Status, Tone>> = {
  settled: 'good',
  estimated: 'accent',
  void: 'plain',
  quarantined: 'warn',
};

export function StatusBadge({ status }: { readonly status: Status }) {
  return <Badge tone={tones[status]}>{status}</Badge>;
}

export function OutcomeBadge({ outcome }: { readonly outcome: unknown }) {
  return <Badge tone={outcome === 'ok' ? 'good' : 'bad'}>{String(outcome)}</Badge>;
}
