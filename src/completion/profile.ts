import type { CacheMark, OutputFormat, ReasoningEffort, Sampling, ServiceTier } from './request.ts';

/** What one provider takes of a dialect, as data. A dialect has a profile of its own API (`<dialect>/profile.ts`); a
 *  provider's file says what differs, for all its models or for some. The passes of `dialects/lower/` and the encoders
 *  read it; nothing branches on a provider's name. Every fact has its source and date beside it. */
export interface DialectProfile {
  /** Controls that it refuses or does not know. Across dialects they are left out and declared, or refused by name. */
  readonly unsupported: ReadonlySet<Control>;
  /** The word for a seed. */
  readonly seedField: 'seed' | 'random_seed';
  /** Temperatures above it are lowered. */
  readonly temperatureMax: number;
  /** Other controls of sampling that it takes within bounds only; values beyond them become the nearest. */
  readonly samplingRanges?: SamplingRanges | undefined;
  /** Stop sequences: so many, and whether one of white space only is taken. */
  readonly stops: { readonly max: number; readonly blank: boolean };
  /** Longer ids of end users are sent as their digest. */
  readonly endUser: { readonly field: 'user' | 'safety_identifier'; readonly lettersMax: number };
  /** The word for each service tier that it knows; `auto` and `default` without a word are what is so anyway. */
  readonly serviceTiers: ReadonlyMap<ServiceTier, TierWord>;

  readonly roles: RoleRules;
  /** Ids of tool calls that it takes. */
  readonly callIds: CallIdForm;
  /** Names of tools that it takes. */
  readonly toolNames: { readonly pattern: RegExp; readonly lettersMax: number };
  /** Can arguments of a tool be free text (`custom` tools of openai-chat)? */
  readonly customTools: boolean;
  /** Can tools be grouped, so that two of them may have one name (openai-responses)? Unless said, they cannot. */
  readonly namespaces?: boolean | undefined;
  /** Can a choice be narrowed to some of the tools? any: only one that forces a call of them. */
  readonly allowedTools: boolean | 'any';
  /** Can it be told to call one tool, by its name? Unless said it can. */
  readonly namedTool?: boolean | undefined;
  /** Where tools cannot be told not to be called, they are left out; and where the conversation has calls, their tools must be
   *  there. Unless said, neither is so. */
  readonly toolsFollowCalls?: boolean;
  /** May the schema of a tool's arguments begin with anyOf, oneOf or allOf? */
  readonly toolSchemaUnions: boolean;

  /** The forms of output it can be held to. */
  readonly outputForms: ReadonlySet<OutputFormat['type']>;
  /** Does it hold answers to a form where tools are defined? Unless said it does. */
  readonly outputBesideTools?: boolean | undefined;
  /** Does it hold every answer with a schema to it, whether `strict` was said or not? */
  readonly alwaysStrict: boolean;
  /** Has a form a name and a description of its own? Unless said, in dialects that are always strict they stand in the schema. */
  readonly namedOutput?: boolean;
  /** The part of JSON Schema that it takes where it holds answers or arguments to a schema; undefined: it does not. */
  readonly strictSchema: SchemaSubset | undefined;
  /** Can the arguments of one tool be held to their schema? Unless said they can, where there is a `strictSchema`. */
  readonly strictTools?: boolean;

  /** Marks up to which a prompt may be cached; undefined: it knows none. */
  readonly cacheMarks: CacheMarkRules | undefined;
  readonly media: MediaSupport;
  readonly reasoning: ReasoningForm;
  /** Versions of the dialect that it takes, the newest last; none where the dialect has none. */
  readonly versions: readonly string[];
  /** Where models of many makers stand behind one dialect (bedrock-converse): how the model takes what the dialect leaves open. */
  readonly converse?: ConverseModel;
}

export interface ConverseModel {
  /** The member of `additionalModelRequestFields` that holds top_k, from the outermost in; undefined: it takes none. */
  readonly topK: readonly string[] | undefined;
  /** The member of it by which the model is told to think; undefined: it cannot be told. */
  readonly reasoning: 'thinking' | 'reasoningConfig' | 'reasoning_effort' | undefined;
  /** Does it take the status of a tool's result? */
  readonly resultStatus: boolean;
  /** Does it take search results as such, and cite them? */
  readonly searchResults: boolean;
}

export type SamplingRanges = Readonly<Partial<Record<keyof Sampling, { readonly min: number; readonly max: number }>>>;

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
  /** Which turns that called tools must come back with their reasoning while it thinks. current: those since the user last
   *  said something. */
  readonly needsState: 'never' | 'last-tool-turn' | 'current-tool-turns' | 'every-tool-turn';
}

/** Controls of the middle that a provider may lack. */
export type Control =
  | 'temperature'
  | 'topP'
  | 'topK'
  | 'seed'
  | 'frequencyPenalty'
  | 'presencePenalty'
  | 'stop'
  | 'parallelToolCalls'
  | 'endUser'
  | 'metadata'
  | 'logprobs'
  | 'answers'
  | 'verbosity'
  | 'cacheKey'
  | 'cacheRetention';

/** `exact`: it means the same there. */
export interface TierWord {
  readonly word: string;
  readonly exact: boolean;
}

/** What a provider wants of the order of a conversation. */
export interface RoleRules {
  /** Where instructions may stand: anywhere; before the conversation and behind a user's turn that the assistant answers;
   *  or before the conversation only. */
  readonly systemTurns: 'anywhere' | 'after-user' | 'first';
  /** Must the user speak first? Then there is no conversation without a user's turn. */
  readonly userFirst: boolean;
  /** Must the user say anything at all? Of course where the user speaks first; elsewhere unless said not. */
  readonly userRequired?: boolean | undefined;
  /** Are turns of one role in a row one turn? */
  readonly merged: boolean;
  /** What a last turn of the assistant means: it is continued, continued where it is marked so, answered by another one,
   *  or refused. */
  readonly assistantLast: 'continued' | 'continued-if-marked' | 'answered' | 'refused';
  /** Are texts of white space only, and messages without content, taken? */
  readonly blankText: boolean;
}

/** Ids of tool calls cross dialects with different alphabets and lengths. An id that fits stays as it is; any other
 *  becomes one that fits. */
export interface CallIdForm {
  readonly pattern: RegExp;
  /** What a made id begins with. */
  readonly prefix: string;
  /** Letters of the digest that follows the prefix; `alphanumeric` has more of them in few letters. */
  readonly digest: { readonly letters: number; readonly alphabet: 'hex' | 'alphanumeric' };
  /** It knows none: results answer calls by their names and order. */
  readonly unknown?: boolean;
}

/** A part of JSON Schema. Types, properties, required, items, enum, const, anyOf, $ref to $defs, title and description are
 *  in every subset; objects are closed, as nearly every provider that holds to a schema wants it. */
export interface SchemaSubset {
  /** Further keywords that it takes. */
  readonly keywords: ReadonlySet<string>;
  /** Values of `format`; undefined: all. */
  readonly formats: ReadonlySet<string> | undefined;
  /** `minItems` up to this one. */
  readonly minItemsMax: number;
  /** Properties that may be left out, in all; 0: each must be required. */
  readonly optionalMax: number;
  /** anyOf and lists of types, in all. */
  readonly unionsMax: number;
  /** Of properties in all, and of values of enums in all. */
  readonly propertiesMax: number;
  readonly enumValuesMax: number;
  /** Levels of objects and lists. */
  readonly levelsMax: number;
  /** May a schema contain itself? */
  readonly recursion: boolean;
  /** Must the whole be an object? */
  readonly objectOnly: boolean;
  /** Of an object with properties: so many are required; 0 unless said. */
  readonly requiredMin?: number | undefined;
  /** Is it said of objects that they are closed (`additionalProperties: false`)? Unless said it is. */
  readonly saysClosed?: boolean | undefined;
  /** May objects take further properties, of any kind or of one? Unless said they may not. */
  readonly openObjects?: boolean;
}

export interface CacheMarkRules {
  /** Of one request; the last ones count, since they cover the longest prefixes. */
  readonly marksMax: number;
  /** Lifetimes it has, shortest first. */
  readonly lifetimes: readonly NonNullable<CacheMark['ttl']>[];
  /** What may carry a mark beside texts and media. */
  readonly places: ReadonlySet<'tool' | 'call' | 'result'>;
  /** How it is told to choose a mark itself: by a mark of the whole request, or by a mode. */
  readonly automatic: 'mark' | 'mode';
}

/** How media may reach a provider. `url`: by address or as bytes. `bytes`: only in the request itself, so what has an
 *  address only must be fetched before. `none`: it knows no such part. */
export interface MediaSupport {
  readonly images: 'url' | 'bytes' | 'none';
  readonly documents: 'url' | 'bytes' | 'none';
  /** The part of chat completions that holds a document; hosts differ. `file` unless said. */
  readonly documentPart?: 'file' | 'document_url';
  /** Can they stand in the result of a tool? Asked only where the API has a place for them there; unless said they can. */
  readonly inResults?: boolean;
}

/** What differs from the profile of the dialect: what is unsupported there is unsupported here too, and rules of roles
 *  that are not named stay. */
export interface ProfileChange extends Partial<Omit<DialectProfile, 'roles'>> {
  readonly roles?: Partial<RoleRules>;
}

/** The facts of some models, by the provider's own names; of all of them without `models`. Later rules win. */
export interface ProfileRule {
  readonly models?: RegExp;
  readonly change: ProfileChange;
}
