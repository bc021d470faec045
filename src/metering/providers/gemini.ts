import { isRecord, UsageFields, type UsageReport } from '../../completion/usage-fields.ts';
import type { UsageSemantics } from './semantics.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Tokens of one list by what they are; documents are priced as text. */
interface ByModality {
  text: number;
  audio: number;
  image: number;
  video: number;
}

/** Usage of generateContent (`usageMetadata`), here and on Vertex (@google/genai 3.1 types.ts, 2026-11).
 *  promptTokenCount includes what came from a cache; candidatesTokenCount excludes thoughts; what tools put into the
 *  prompt is counted apart from both. Counts that are zero are left out by the provider. */
export function readGeminiUsage(raw: unknown): UsageReport | undefined {
  if (raw === undefined || raw === null) return undefined;
  if (!isRecord(raw)) return { slices: {}, identityBroken: 'usage is not an object' };
  // Chunks of Vertex before the last tell how they are served, and no more.
  if (countNames.every(name => raw[name] === undefined || raw[name] === null)) return undefined;
  const fields = new UsageFields();

  const prompt = fields.requiredCount(raw, 'promptTokenCount');
  const cached = fields.count(raw, 'cachedContentTokenCount');
  const candidates = fields.count(raw, 'candidatesTokenCount') ?? 0;
  const thoughts = fields.count(raw, 'thoughtsTokenCount');
  const toolUse = fields.count(raw, 'toolUsePromptTokenCount') ?? 0;
  const total = fields.count(raw, 'totalTokenCount');
  fields.requireWithin('cachedContentTokenCount', cached ?? 0, 'promptTokenCount', prompt);
  if (total !== undefined) {
    const sum = prompt + candidates + (thoughts ?? 0) + toolUse;
    fields.requireEqual('prompt + candidates + thoughts + toolUse', sum, 'totalTokenCount', total);
  }
  const input = uncachedInput(raw, { prompt, cached: cached ?? 0, toolUse }, fields);
  const made = byModality(raw, 'candidatesTokensDetails', fields);
  const media = made === undefined ? 0 : made.audio + made.image + made.video;
  fields.requireWithin('audio, image and video tokens', media, 'candidatesTokenCount', candidates);
  if (made !== undefined && made.video > 0) fields.refuse(`${made.video} VIDEO tokens of output have no meter`);
  const serviceTier = servedTier(raw['trafficType'], fields) ?? tierWord(raw['serviceTier']);
  if (!Number.isSafeInteger(input.text)) fields.refuse('promptTokenCount + toolUsePromptTokenCount is more than 2⁵³−1');

  if (fields.problem !== undefined) return { slices: {}, identityBroken: fields.problem };
  return {
    slices: {
      inputUncached: input.text,
      ...(cached === undefined ? undefined : { cacheRead: cached }),
      ...(input.audio === 0 ? undefined : { inputAudio: input.audio }),
      ...(input.image === 0 ? undefined : { inputImage: input.image }),
      ...(input.video === 0 ? undefined : { inputVideo: input.video }),
      output: candidates - media,
      ...(thoughts === undefined ? undefined : { reasoning: thoughts }),
      ...(made === undefined || made.audio === 0 ? undefined : { outputAudio: made.audio }),
      ...(made === undefined || made.image === 0 ? undefined : { outputImage: made.image }),
    },
    ...(serviceTier === undefined ? undefined : { serviceTier }),
  };
}

const countNames = ['promptTokenCount', 'candidatesTokenCount', 'thoughtsTokenCount', 'totalTokenCount'] as const;

/** The prompt without what came from the cache, by modality, with what tools added. */
function uncachedInput(
  raw: Fields,
  { prompt, cached, toolUse }: { readonly prompt: number; readonly cached: number; readonly toolUse: number },
  fields: UsageFields,
): ByModality {
  const asked = byModality(raw, 'promptTokensDetails', fields);
  const fromCache = byModality(raw, 'cacheTokensDetails', fields);
  const byTools = byModality(raw, 'toolUsePromptTokensDetails', fields);
  if (fromCache !== undefined) {
    fields.requireEqual('cacheTokensDetails', sumOf(fromCache), 'cachedContentTokenCount', cached);
  }
  if (byTools !== undefined) {
    fields.requireEqual('toolUsePromptTokensDetails', sumOf(byTools), 'toolUsePromptTokenCount', toolUse);
  }
  let left: ByModality;
  if (asked === undefined) {
    left = { text: prompt - cached, audio: 0, image: 0, video: 0 };
  } else if (sumOf(asked) === prompt - cached) {
    // Some answers detail only what did not come from the cache.
    left = asked;
  } else {
    fields.requireEqual('promptTokensDetails', sumOf(asked), 'promptTokenCount', prompt);
    left = fromCache === undefined ? withoutCached(asked, cached) : difference(asked, fromCache, fields);
  }
  const added = byTools ?? { text: toolUse, audio: 0, image: 0, video: 0 };
  return {
    text: left.text + added.text,
    audio: left.audio + added.audio,
    image: left.image + added.image,
    video: left.video + added.video,
  };
}

/** Nothing says which modalities were cached: text first, then video, images and audio, from the cheap to the dear. */
function withoutCached(asked: ByModality, cached: number): ByModality {
  const left = { ...asked };
  let rest = cached;
  for (const modality of ['text', 'video', 'image', 'audio'] as const) {
    const taken = Math.min(left[modality], rest);
    left[modality] -= taken;
    rest -= taken;
  }
  return left;
}

function difference(asked: ByModality, cached: ByModality, fields: UsageFields): ByModality {
  const left = { ...asked };
  for (const modality of ['text', 'audio', 'image', 'video'] as const) {
    const name = modality.toUpperCase();
    fields.requireWithin(`cached ${name}`, cached[modality], `${name} of promptTokensDetails`, asked[modality]);
    left[modality] -= cached[modality];
  }
  return left;
}

/** Longer than the list of modalities there are. */
const detailsMax = 32;

const modalities: Readonly<Record<string, keyof ByModality>> = {
  TEXT: 'text',
  DOCUMENT: 'text',
  AUDIO: 'audio',
  IMAGE: 'image',
  VIDEO: 'video',
};

/** undefined when the list is absent or empty. */
function byModality(raw: Fields, name: string, fields: UsageFields): ByModality | undefined {
  const list = raw[name];
  if (list === undefined || list === null) return undefined;
  if (!Array.isArray(list) || list.length > detailsMax) {
    fields.refuse(`${name} is not a list of at most ${detailsMax}`);
    return undefined;
  }
  if (list.length === 0) return undefined;
  const sums: ByModality = { text: 0, audio: 0, image: 0, video: 0 };
  for (const detail of list) {
    const modality = isRecord(detail) ? detail['modality'] : undefined;
    const known =
      typeof modality === 'string' && Object.hasOwn(modalities, modality) ? modalities[modality] : undefined;
    if (!isRecord(detail) || known === undefined) {
      fields.refuse(`${name} has a modality that is not known`);
      return undefined;
    }
    sums[known] += fields.count(detail, 'tokenCount') ?? 0;
  }
  return sums;
}

function sumOf({ text, audio, image, video }: ByModality): number {
  return text + audio + image + video;
}

/** Vertex tells how the request was served (https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/GenerateContentResponse, 2026-11). */
const tiers: Readonly<Record<string, string>> = {
  ON_DEMAND: 'standard',
  ON_DEMAND_PRIORITY: 'priority',
  ON_DEMAND_FLEX: 'flex',
  PROVISIONED_THROUGHPUT: 'provisioned',
};

function servedTier(trafficType: unknown, fields: UsageFields): string | undefined {
  if (trafficType === undefined || trafficType === null || trafficType === 'TRAFFIC_TYPE_UNSPECIFIED') return undefined;
  if (typeof trafficType === 'string' && Object.hasOwn(tiers, trafficType)) return tiers[trafficType];
  fields.refuse('trafficType is not known');
  return undefined;
}

/** The Gemini API's own word, beside no traffic type (`standard`, `flex`, `priority`;
 *  https://ai.google.dev/gemini-api/docs/flex-inference, 2026-11). */
function tierWord(tier: unknown): string | undefined {
  const isSaid = typeof tier === 'string' && tier !== '' && tier.length <= 64;
  return isSaid && !/unspecified$/i.test(tier) ? tier.toLowerCase() : undefined;
}

export const geminiUsage: UsageSemantics = {
  provider: 'gemini',
  input:
    '`promptTokenCount` includes `cachedContentTokenCount`, split by modality; `toolUsePromptTokenCount` stands beside it',
  output: '`candidatesTokenCount` excludes `thoughtsTokenCount`',
  identities: [
    'prompt + candidates + thoughts + toolUse = totalTokenCount',
    'promptTokensDetails = promptTokenCount',
    'cacheTokensDetails = cachedContentTokenCount',
  ],
  beside: 'traffic type or service tier as a tier',
  source: 'https://ai.google.dev/api/generate-content, 2026-11',
  read: readGeminiUsage,
};
