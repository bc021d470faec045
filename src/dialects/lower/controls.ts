import { hash } from 'node:crypto';
import type { LossLedger } from '../../completion/loss.ts';
import type { LossCode } from '../../completion/loss-codes.ts';
import type { Control, DialectProfile } from '../../completion/profile.ts';
import type { CompletionRequest, DialectName, Sampling } from '../../completion/request.ts';
import { inClientWord } from '../client-paths.ts';
import { unsupported } from '../wire-values.ts';

/** Leaves out what the target does not take, each declared, and fits values to what it takes. Throws
 *  Fault('translation_unsupported') for what an answer would be wrong without. */
export function lowerControls(
  request: CompletionRequest,
  profile: DialectProfile,
  client: DialectName,
  losses: LossLedger,
): CompletionRequest {
  let lowered = request;
  for (const control of profile.unsupported) {
    const rule = controls[control];
    if (!rule.isSaid(lowered)) continue;
    const path = rule.paths[client] ?? rule.path;
    if (rule.loss === undefined) throw unsupported(inClientWord(path, client), rule.refusal);
    losses.dropped(rule.loss, path);
    lowered = rule.without(lowered);
  }
  lowered = lowerTemperature(lowered, profile, client, losses);
  lowered = fitSampling(lowered, profile, client, losses);
  lowered = lowerStops(lowered, profile, client, losses);
  lowered = lowerEndUser(lowered, profile, client, losses);
  return lowerServiceTier(lowered, profile, client, losses);
}

interface ControlRule {
  readonly path: string;
  /** Where a client's dialect spells it otherwise. */
  readonly paths: Readonly<Partial<Record<DialectName, string>>>;
  /** undefined: it is refused, saying why. */
  readonly loss: LossCode | undefined;
  readonly refusal: string | undefined;
  readonly isSaid: (request: CompletionRequest) => boolean;
  readonly without: (request: CompletionRequest) => CompletionRequest;
}

const controls: Readonly<Record<Control, ControlRule>> = {
  temperature: sampling('temperature', 'temperature-unsupported', 'temperature', {
    'bedrock-converse': 'inferenceConfig.temperature',
  }),
  topP: sampling('topP', 'top-p-unsupported', 'top_p', {
    'cohere-chat': 'p',
    'bedrock-converse': 'inferenceConfig.topP',
  }),
  topK: sampling('topK', 'top-k-unsupported', 'top_k', {
    'cohere-chat': 'k',
    'bedrock-converse': 'additionalModelRequestFields.top_k',
  }),
  seed: sampling('seed', 'seed-unsupported', 'seed'),
  frequencyPenalty: sampling('frequencyPenalty', 'frequency-penalty-unsupported', 'frequency_penalty'),
  presencePenalty: sampling('presencePenalty', 'presence-penalty-unsupported', 'presence_penalty'),
  stop: {
    ...lost('stop-unsupported', 'stop', {
      'anthropic-messages': 'stop_sequences',
      'bedrock-converse': 'inferenceConfig.stopSequences',
      'cohere-chat': 'stop_sequences',
      gemini: 'generationConfig.stopSequences',
    }),
    isSaid: ({ stop }) => stop.length > 0,
    without: request => ({ ...request, stop: [] }),
  },
  parallelToolCalls: {
    ...lost('parallel-tool-calls-unsupported', 'parallel_tool_calls', {
      'anthropic-messages': 'tool_choice.disable_parallel_tool_use',
    }),
    // Several calls at once are what every API does unless it is told.
    isSaid: ({ parallelToolCalls, tools }) => parallelToolCalls === false && tools.length > 0,
    without: request => ({ ...request, parallelToolCalls: undefined }),
  },
  endUser: {
    ...lost('user-id-unsupported', 'user', {
      'anthropic-messages': 'metadata.user_id',
      'bedrock-converse': 'requestMetadata.user_id',
    }),
    isSaid: ({ endUser }) => endUser !== undefined,
    without: request => ({ ...request, endUser: undefined }),
  },
  metadata: {
    ...lost('metadata-unsupported', 'metadata', { 'bedrock-converse': 'requestMetadata' }),
    isSaid: ({ metadata = {} }) => Object.keys(metadata).length > 0,
    without: request => ({ ...request, metadata: undefined }),
  },
  verbosity: {
    ...lost('verbosity-unsupported', 'verbosity', { 'openai-responses': 'text.verbosity' }),
    isSaid: ({ verbosity = 'medium' }) => verbosity !== 'medium',
    without: request => ({ ...request, verbosity: undefined }),
  },
  cacheKey: {
    ...lost('prompt-cache-key-unsupported', 'prompt_cache_key'),
    isSaid: ({ cache }) => cache?.key !== undefined,
    without: request => ({ ...request, cache: { ...request.cache, key: undefined } }),
  },
  cacheRetention: {
    ...lost('prompt-cache-retention-unsupported', 'prompt_cache_retention'),
    isSaid: ({ cache }) => cache?.retention !== undefined,
    without: request => ({ ...request, cache: { ...request.cache, retention: undefined } }),
  },
  logprobs: {
    ...refused('logprobs', 'the API of the deployment tells no log probabilities.', {
      gemini: 'generationConfig.responseLogprobs',
    }),
    isSaid: ({ logprobs }) => logprobs !== undefined,
  },
  answers: {
    ...refused('n', 'the API of the deployment gives one answer to a request.', {
      gemini: 'generationConfig.candidateCount',
    }),
    isSaid: ({ answers = 1 }) => answers > 1,
  },
};

function lost(
  loss: LossCode,
  path: string,
  paths: ControlRule['paths'] = {},
): Pick<ControlRule, 'loss' | 'path' | 'paths' | 'refusal'> {
  return { loss, path, paths, refusal: undefined };
}

function refused(path: string, refusal: string, paths: ControlRule['paths'] = {}): Omit<ControlRule, 'isSaid'> {
  return { loss: undefined, path, paths, refusal, without: request => request };
}

/** A penalty of zero is the default everywhere. */
function sampling(field: keyof Sampling, loss: LossCode, path: string, paths: ControlRule['paths'] = {}): ControlRule {
  const isDefault = field === 'frequencyPenalty' || field === 'presencePenalty' ? 0 : undefined;
  return {
    ...lost(loss, path, paths),
    isSaid: request => request.sampling[field] !== undefined && request.sampling[field] !== isDefault,
    without: request => {
      const { [field]: _, ...rest } = request.sampling;
      return { ...request, sampling: rest };
    },
  };
}

function lowerTemperature(
  request: CompletionRequest,
  profile: DialectProfile,
  client: DialectName,
  losses: LossLedger,
): CompletionRequest {
  const asked = request.sampling.temperature;
  if (asked === undefined || asked <= profile.temperatureMax) return request;
  losses.approximated('temperature-lowered', controls.temperature.paths[client] ?? controls.temperature.path);
  return { ...request, sampling: { ...request.sampling, temperature: profile.temperatureMax } };
}

/** A value beyond what the target takes becomes the nearest that it does. */
function fitSampling(
  request: CompletionRequest,
  { samplingRanges = {} }: DialectProfile,
  client: DialectName,
  losses: LossLedger,
): CompletionRequest {
  let { sampling: fitted } = request;
  for (const field of Object.keys(samplingRanges) as (keyof Sampling)[]) {
    const { min, max } = samplingRanges[field]!;
    const asked = fitted[field];
    if (asked === undefined || (asked >= min && asked <= max)) continue;
    const rule = controls[field];
    losses.approximated('sampling-fitted', rule.paths[client] ?? rule.path);
    fitted = { ...fitted, [field]: Math.min(Math.max(asked, min), max) };
  }
  return fitted === request.sampling ? request : { ...request, sampling: fitted };
}

function lowerStops(
  request: CompletionRequest,
  { stops }: DialectProfile,
  client: DialectName,
  losses: LossLedger,
): CompletionRequest {
  const { stop } = request;
  if (stop.length === 0) return request;
  const field = controls.stop.paths[client];
  // One may be said without a list in openai-chat.
  const path = (index: number): string =>
    field !== undefined ? `${field}.${index}` : stop.length === 1 ? 'stop' : `stop.${index}`;
  const kept: string[] = [];
  stop.forEach((sequence, index) => {
    if (!stops.blank && sequence.trim() === '') losses.dropped('stop-blank-unsupported', path(index));
    else if (kept.length === stops.max) losses.dropped('stop-count-unsupported', path(index));
    else kept.push(sequence);
  });
  return kept.length === stop.length ? request : { ...request, stop: kept };
}

/** A digest names the same user always, which is what the id is for. */
function lowerEndUser(
  request: CompletionRequest,
  profile: DialectProfile,
  client: DialectName,
  losses: LossLedger,
): CompletionRequest {
  const { endUser } = request;
  if (endUser === undefined || endUser.length <= profile.endUser.lettersMax) return request;
  losses.approximated('end-user-hashed', controls.endUser.paths[client] ?? controls.endUser.path);
  return { ...request, endUser: hash('sha256', endUser, 'hex') };
}

function lowerServiceTier(
  request: CompletionRequest,
  profile: DialectProfile,
  client: DialectName,
  losses: LossLedger,
): CompletionRequest {
  const { serviceTier } = request;
  const path = client === 'bedrock-converse' ? 'serviceTier' : 'service_tier';
  if (serviceTier === undefined) return request;
  const word = profile.serviceTiers.get(serviceTier);
  if (word !== undefined) {
    if (!word.exact) losses.approximated('service-tier-approximated', path);
    return request;
  }
  if (serviceTier !== 'auto' && serviceTier !== 'default') losses.dropped('service-tier-unsupported', path);
  return { ...request, serviceTier: undefined };
}
