import type { Schemas } from '../api/client.ts';
import { Badge, type Tone } from '../ui/parts.tsx';

type State = Schemas['DeploymentHealth']['state'];

const tones: Readonly<Record<State, Tone>> = {
  idle: 'plain',
  well: 'good',
  recovering: 'accent',
  saturated: 'warn',
  probing: 'warn',
  cooling: 'warn',
  open: 'bad',
  misconfigured: 'bad',
};

export function HealthBadge({ state }: { readonly state: State }) {
  return <Badge tone={tones[state]}>{state}</Badge>;
}
