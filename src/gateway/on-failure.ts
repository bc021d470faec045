import { Fault } from '../completion/fault.ts';
import type { CompletionRequest } from '../completion/request.ts';
import type { Dialect, RequestScan } from '../dialects/dialect.ts';
import type { ReadRequest } from '../dialects/translate.ts';
import type { Deployment, ResolvedRoute } from '../snapshot/load.ts';
import type { CarrierHeaders } from './carrier-headers.ts';
import { dialectFor } from './choose.ts';
import { readTranslation } from './exchange.ts';
import type { OnFailure } from './go-on.ts';
import { profileOf } from './profiles.ts';

export interface OnFailureQuestion {
  readonly carrier: Pick<CarrierHeaders, 'onFailure'>;
  readonly route: ResolvedRoute;
  readonly dialect: Dialect;
  readonly body: Buffer;
  readonly scan: RequestScan;
  readonly order: readonly Deployment[];
  /** The request in the middle, where it was read already. */
  readonly read: ReadRequest | undefined;
}

/** What follows when the answer of this request breaks off after its first content. What the client asks for and cannot have
 *  is refused before anything is sent; where only the route says it, such requests end with the error. Throws Fault
 *  `on_failure_impossible`. */
export function onFailureOf(question: OnFailureQuestion): OnFailure {
  const asked = question.carrier.onFailure ?? question.route.policy.onFailure ?? 'error';
  if (asked === 'error') return asked;
  // A whole answer is kept until it is whole, so nothing of it has to be restarted or gone on with.
  if (!question.scan.stream) return asked;
  const hindrance = hindranceOf(asked, question);
  if (hindrance === undefined) return asked;
  if (question.carrier.onFailure === undefined) return 'error';
  throw new Fault('on_failure_impossible', `x-carrier-on-failure: ${asked} is not possible: ${hindrance}.`);
}

function hindranceOf(asked: 'restart' | 'continue', question: OnFailureQuestion): string | undefined {
  const { route, scan } = question;
  if (route.policy.retries === 0) return 'the route makes one attempt only (`retries: 0`)';
  if (scan.answers > 1) return 'the request asks for several answers at once';
  if (asked === 'restart') return undefined;
  if (scan.hasTools) return 'the request has tools';
  const read = question.read ?? readTranslation(question.dialect, question.body, scan.named);
  if (read instanceof Fault) return `the request cannot be written anew (${read.message})`;
  return formHindrance(read.request) ?? candidateHindrance(question);
}

/** Text is all that another author can go on with. */
function formHindrance(request: CompletionRequest): string | undefined {
  if (request.tools.length > 0) return 'the request has tools';
  if (request.output !== undefined) return 'the answer is to have a structure';
  if (request.logprobs !== undefined) return 'the request asks for log probabilities';
  const { reasoning } = request;
  if (reasoning !== undefined && reasoning.mode !== 'off') return 'the request asks for reasoning';
  return undefined;
}

function candidateHindrance({ order, dialect }: OnFailureQuestion): string | undefined {
  if (order.some(deployment => continuesText(deployment, dialect))) return undefined;
  return 'no candidate is documented to go on with a text';
}

/** Does the provider document that its model goes on where a last turn of the assistant ends? */
export function continuesText(deployment: Deployment, client: Dialect): boolean {
  const { provider, targetModel } = deployment;
  const { roles } = profileOf(provider.kind, dialectFor(deployment, client).name, targetModel);
  return roles.assistantLast === 'continued' || roles.assistantLast === 'continued-if-marked';
}
