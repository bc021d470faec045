import type { LossLedger } from '../completion/loss.ts';
import type { Deployment } from '../snapshot/load.ts';
import type { Exchange } from './exchange.ts';
import type { Resume } from './receiver-context.ts';
import { SeamReader } from './splice-guard.ts';

interface Resuming {
  readonly number: number;
  readonly deployment: Deployment;
  /** Of the attempt's answer: that it goes on with another one is declared among them, once it does. */
  readonly losses: LossLedger;
}

/** How an attempt goes on with what the client was shown; undefined where it was shown nothing. */
export function resumeOf({ showing, arrival }: Exchange, attempt: Resuming): Resume | undefined {
  const { soFar, next } = showing;
  if (soFar === undefined) return undefined;
  const { number, deployment, losses } = attempt;
  const createdAtMs = arrival.atMs;
  const by = (servedModel: string | undefined) => ({
    attempt: number,
    deployment: deployment.id,
    model: servedModel ?? deployment.targetModel,
  });
  if (next === undefined) return { soFar, notice: undefined, after: soFar, seam: undefined, createdAtMs };
  if (next === 'restart') {
    const notice: Resume['notice'] = servedModel => {
      losses.approximated('answer-restarted', deployment.id);
      return { type: 'restart', ...by(servedModel) };
    };
    return { soFar, notice, after: { ...soFar, open: undefined, noticed: 'restart' }, seam: undefined, createdAtMs };
  }
  const { text } = showing;
  const seam = new SeamReader(text);
  const offsetBytes = Buffer.byteLength(text);
  const notice: Resume['notice'] = servedModel => {
    losses.approximated('answer-continued', `${deployment.id}@${offsetBytes}`);
    return { type: 'seam', ...by(servedModel), offsetBytes, overlap: seam.overlap };
  };
  return { soFar, notice, after: { ...soFar, noticed: 'seam' }, seam, createdAtMs };
}
