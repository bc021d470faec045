import { hash } from 'node:crypto';
import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest, OutputFormat } from '../../completion/request.ts';
import { fitReasoning } from '../anthropic-messages/reasoning.ts';
import type { RequestTarget } from '../dialect.ts';
import { writeJson } from '../write-json.ts';
import { encodeCachePoint, isCachePoint } from './cache.ts';
import { userLabel } from './decode-request.ts';
import { encodeToolConfig } from './encode-tools.ts';
import { encodeSystem, encodeTurns } from './encode-turns.ts';
import { encodeEffort, encodeModelFields } from './model-fields.ts';
import { bedrockConverseProfile } from './profile.ts';

/** The model goes into the path, and so does whether the answer is to be a stream. */
export function encodeRequest(request: CompletionRequest, target: RequestTarget, losses: LossLedger): Buffer {
  const { turns, serviceTier } = request;
  const bodyAt = turns.findIndex(turn => turn.role !== 'system');
  const system = encodeSystem(turns.slice(0, Math.max(bodyAt, 0)));
  const profile = target.profile ?? bedrockConverseProfile;
  const tokensMax = limit(request, target, losses);
  const fitted = fitReasoning(request, profile.reasoning, tokensMax ?? target.outputTokensMax, losses);
  const { converse } = profile;
  const tier = serviceTier === undefined ? undefined : profile.serviceTiers.get(serviceTier)?.word;
  const messages = encodeTurns(bodyAt === -1 ? [] : turns.slice(bodyAt), profile, losses);
  const automatic = request.cache?.automatic;
  // Where Claude would place it by itself: behind all that was said.
  const last = messages.at(-1)?.content;
  if (automatic !== undefined && last !== undefined && !isCachePoint(last.at(-1)))
    last.push(encodeCachePoint(automatic));
  // Keys that are undefined are not written.
  const wire = {
    messages,
    system: system.length === 0 ? undefined : system,
    inferenceConfig: unlessEmpty({
      maxTokens: tokensMax,
      temperature: fitted.sampling.temperature,
      topP: fitted.sampling.topP,
      stopSequences: request.stop.length === 0 ? undefined : request.stop,
    }),
    toolConfig: encodeToolConfig(request.tools, fitted.toolChoice),
    outputConfig: unlessEmpty({ textFormat: encodeFormat(request.output), effort: encodeEffort(fitted, converse) }),
    additionalModelRequestFields: encodeModelFields(fitted, converse, losses),
    requestMetadata: encodeMetadata(request, losses),
    serviceTier: tier === undefined ? undefined : { type: tier },
  };
  return writeJson(wire);
}

/** Without one the model may write as much as it can; one that is larger is refused. */
function limit(request: CompletionRequest, target: RequestTarget, losses: LossLedger): number | undefined {
  const asked = request.outputTokensMax;
  if (asked === undefined || asked <= target.outputTokensMax) return asked;
  losses.approximated('output-limit-lowered', 'max_tokens');
  return target.outputTokensMax;
}

function encodeFormat(output: OutputFormat | undefined): unknown {
  if (output?.type !== 'json-schema') return undefined;
  const { name, description, schema } = output;
  return { type: 'json_schema', structure: { jsonSchema: { schema: JSON.stringify(schema), name, description } } };
}

function unlessEmpty(fields: Readonly<Record<string, unknown>>): unknown {
  return Object.values(fields).every(value => value === undefined) ? undefined : fields;
}

/** Of one request; letters of a name and of a value (API_runtime_Converse, `requestMetadata`, 2026-11). */
const labelsMax = 16;
const labelPattern = /^[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}$/;
const labelValuePattern = /^[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}$/;

function encodeMetadata(
  { endUser, metadata = {} }: CompletionRequest,
  losses: LossLedger,
): Readonly<Record<string, string>> | undefined {
  const labels: [string, string][] = endUser === undefined ? [] : [[userLabel, fittingUser(endUser, losses)]];
  for (const [name, value] of Object.entries(metadata)) {
    const fits = labelPattern.test(name) && labelValuePattern.test(value) && name !== userLabel;
    if (fits && labels.length < labelsMax) labels.push([name, value]);
    else losses.dropped('metadata-unsupported', `metadata.${name.slice(0, 64)}`);
  }
  return labels.length === 0 ? undefined : Object.fromEntries(labels);
}

/** A digest names the same user always, which is what the id is for. */
function fittingUser(endUser: string, losses: LossLedger): string {
  if (labelValuePattern.test(endUser)) return endUser;
  losses.approximated('end-user-hashed', 'user');
  return hash('sha256', endUser, 'hex');
}
