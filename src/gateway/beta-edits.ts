import { LossLedger } from '../completion/loss.ts';
import type { EnvelopeEdits } from '../dialects/dialect.ts';
import { dropFields } from '../dialects/drop-fields.ts';
import { filterBetas } from '../providers/betas.ts';
import type { Endpoint } from '../providers/provider.ts';
import type { Arrival } from './arrival.ts';

/** Within a dialect, for an endpoint that refuses betas it does not know: what goes out of the body with those that are left
 *  out of the header, all of it declared. undefined when there are none, which is nearly always. */
export function betaEdits(
  endpoint: Endpoint | undefined,
  headers: Arrival['request']['headers'],
  body: Buffer,
): EnvelopeEdits | undefined {
  const filter = endpoint?.betas;
  const header = filter === undefined ? undefined : headers[filter.header];
  if (filter === undefined || typeof header !== 'string') return undefined;
  const { dropped, fields } = filterBetas(filter, header);
  if (dropped.length === 0) return undefined;
  const losses = new LossLedger();
  for (const beta of dropped) losses.dropped('beta-unsupported', `${filter.header}.${beta.slice(0, betaLettersMax)}`);
  if (fields.length === 0) return { edits: [], losses: losses.losses };
  const { edits, names } = dropFields(body, fields);
  for (const name of names) losses.dropped('beta-unsupported', name);
  return { edits, losses: losses.losses };
}

/** Of a name in a loss: clients choose it. */
const betaLettersMax = 64;
