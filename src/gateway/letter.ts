import { Fault } from '../completion/fault.ts';
import { type Loss, LossLedger } from '../completion/loss.ts';
import type { AnswerForm } from '../dialects/lower/answer-form.ts';
import { writeRequest } from '../dialects/translate.ts';
import { providerOf } from '../providers/registry.ts';
import type { Addressee } from './addressee.ts';
import type { Admission } from './admit.ts';
import { betaEdits } from './beta-edits.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayState } from './gateway.ts';
import { openReasoning } from './open-reasoning.ts';
import { profileOf } from './profiles.ts';
import { makerOf } from './state-makers.ts';

/** What is sent to one deployment. */
export interface Letter {
  readonly body: Buffer;
  readonly losses: readonly Loss[];
  readonly askUsage: boolean;
  /** Of the provider's dialect, when it is not the client's. */
  readonly headers?: readonly string[] | undefined;
  /** What must be changed back in the answer; undefined within a dialect. */
  readonly form: AnswerForm | undefined;
}

/** The body for one deployment: the client's bytes with what must be spliced, or the request written anew in another
 *  dialect. Throws Fault, `loss_refused` among others. */
export function letterFor(
  gateway: GatewayState,
  exchange: Exchange,
  admission: Admission,
  { deployment, dialect, read }: Addressee,
): Letter {
  const { scan, body, carrier, showing } = exchange;
  const isContinued = showing.next === 'continue';
  const lowered = admission.loweredOutputTokensMax;
  const losses = new LossLedger();
  if (lowered !== undefined) losses.approximated('output-limit-lowered', 'max_tokens');
  const { streamOptions, outputLimit: outputLimitField } = providerOf(deployment.provider.kind).quirks;
  const { targetModel, outputTokensMax } = deployment;
  if (dialect === exchange.dialect && !isContinued) {
    const askUsage = scan.stream && !scan.streamUsage && streamOptions;
    const form = () => profileOf(deployment.provider.kind, dialect.name, targetModel).reasoning;
    const ours = dialect.withoutEnvelopes?.(body, scan, form);
    const endpoint = providerOf(deployment.provider.kind).endpoints[dialect.name];
    const betas = betaEdits(endpoint, exchange.arrival.request.headers, body);
    const more = betas === undefined ? ours?.edits : [...(ours?.edits ?? []), ...betas.edits];
    const splice = { targetModel, askUsage, outputTokensMax: lowered, outputLimitField, more };
    const lost = [...(ours?.losses ?? []), ...(betas?.losses ?? [])];
    const all = lost.length === 0 ? losses.losses : [...losses.losses, ...lost];
    if (carrier.strict) refuseLosses(lost);
    return { body: dialect.spliceRequest(body, scan, splice), losses: all, askUsage, form: undefined };
  }
  if (read === undefined) throw new Error('a request was to be translated that was not read');
  const lowerRead =
    lowered === undefined || isContinued
      ? read
      : {
          ...read,
          request: { ...read.request, outputTokensMax: lowered },
          losses: [...read.losses, ...losses.losses],
        };
  const profile = profileOf(deployment.provider.kind, dialect.name, targetModel);
  const target = { targetModel, outputTokensMax, outputLimitField, streamOptions, profile };
  const opened = openReasoning(
    lowerRead,
    {
      maker: makerOf(deployment, dialect),
      form: profile.reasoning,
      organisation: exchange.principal.organisation,
    },
    exchange.recalled,
    gateway.ports.reasoning,
  );
  const { body: encoded, losses: all, form, headers } = writeRequest(opened, dialect, target);
  if (carrier.strict) refuseLosses(all);
  return { body: encoded, losses: all, askUsage: false, form, headers };
}

function refuseLosses([first]: readonly Loss[]): void {
  if (first === undefined) return;
  const { code, path } = first;
  throw new Fault('loss_refused', `${path} would be lost or changed (${code}).`, { parameter: path });
}
