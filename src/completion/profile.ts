import type { ReasoningEffort } from './request.ts';

/** What one provider takes of a dialect, as data. A dialect has a profile of its own API (`<dialect>/profile.ts`); a
 *  provider's file says what differs, for all its models or for some. The passes of `dialects/lower/` and the encoders
 *  read it; nothing branches on a provider's name. Every fact has its source and date beside it. */
export interface DialectProfile {
  /** Ids of tool calls that it takes. */
  readonly callIds: CallIdForm;
  readonly reasoning: ReasoningForm;
  /** Versions of the dialect that it takes, the newest last; none where the dialect has none. */
  readonly versions: readonly string[];
}

/** How a model is told how much to think, and what it refuses meanwhile. */
export interface ReasoningForm {
  /** none: it does not think, or cannot be told. effort: by `reasoning_effort`. budget: by `thinking.budget_tokens`.
   *  adaptive: it decides by itself, and an effort guides it. */
  readonly style: 'none' | 'effort' | 'budget' | 'adaptive';
  /** The efforts it takes, the weakest first; none when it takes no such field. */
  readonly efforts: readonly ReasoningEffort[];
  /** How it is told not to think. silence: by not being told to. */
  readonly off: 'effort-none' | 'thinking-disabled' | 'between-tools' | 'silence' | 'never';
  /** Does it think when nothing is said about it? */
  readonly thinksUnasked: boolean;
  /** When it takes temperature, top_p and top_k. */
  readonly sampling: 'always' | 'not-thinking' | 'never';
  /** When it takes a tool choice that forces a call. */
  readonly forcedTools: 'always' | 'not-thinking' | 'never';
  /** Which turns that called tools must come back with their reasoning while it thinks. */
  readonly needsState: 'never' | 'last-tool-turn' | 'every-tool-turn';
}

/** Ids of tool calls cross dialects with different alphabets and lengths. An id that fits stays as it is; any other
 *  becomes one that fits. */
export interface CallIdForm {
  readonly pattern: RegExp;
  /** What a made id begins with. */
  readonly prefix: string;
  /** Letters of the digest that follows the prefix; `alphanumeric` has more of them in few letters. */
  readonly digest: { readonly letters: number; readonly alphabet: 'hex' | 'alphanumeric' };
}

/** What differs from the profile of the dialect. */
export type ProfileChange = Partial<DialectProfile>;

/** The facts of some models, by the provider's own names; of all of them without `models`. Later rules win. */
export interface ProfileRule {
  readonly models?: RegExp;
  readonly change: ProfileChange;
}

/** How media may reach a provider. `url`: by address or as bytes. `bytes`: only in the request itself, so what has an
 *  address only must be fetched before. `none`: it knows no such part. */
export interface MediaSupport {
  readonly images: 'url' | 'bytes' | 'none';
  readonly documents: 'url' | 'bytes' | 'none';
}
