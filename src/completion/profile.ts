/** What one provider takes of a dialect, as data. A dialect has a profile of its own API (`<dialect>/profile.ts`); a
 *  provider's file says what differs, for all its models or for some. The passes of `dialects/lower/` and the encoders
 *  read it; nothing branches on a provider's name. Every fact has its source and date beside it. */
export interface DialectProfile {
  /** Ids of tool calls that it takes. */
  readonly callIds: CallIdForm;
  readonly media: MediaSupport;
}

/** How media may reach a provider. `url`: by address or as bytes. `bytes`: only in the request itself, so what has an
 *  address only must be fetched before. `none`: it knows no such part. */
export interface MediaSupport {
  readonly images: 'url' | 'bytes' | 'none';
  readonly documents: 'url' | 'bytes' | 'none';
  /** The part of chat completions that holds a document; hosts differ. `file` unless said. */
  readonly documentPart?: 'file' | 'document_url';
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
