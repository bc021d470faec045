import { Fault } from '../completion/fault.ts';
import type { MediaSupport } from '../completion/profile.ts';
import type { CompletionRequest, MediaBlock } from '../completion/request.ts';
import { needsBytes } from '../dialects/media-support.ts';
import { permits, placeOf } from '../governance/zones.ts';
import { FetchRefusal, NoRoomForMedia } from '../media/fetch-refusal.ts';
import type { MediaAccount, MediaFetcher } from '../media/media-fetcher.ts';
import type { ClientAnswer } from './client-answer.ts';
import { mediaOf, replaceMedia } from './media-places.ts';

/** Who asks for the media of one exchange, and within what. */
export interface MediaQuestion {
  /** Does the key allow it? */
  readonly allowed: boolean;
  /** Where its prompts may be processed; undefined is anywhere. */
  readonly zones: readonly string[] | undefined;
  /** Where this process runs, as the operator says; undefined is GLOBAL. */
  readonly ownZone: string | undefined;
  /** What the body and the files may have together. */
  readonly bytesMax: number;
  readonly client: ClientAnswer;
  /** Until the whole exchange must have ended. */
  readonly remainingMs: () => number;
}

interface InlineFile {
  readonly mediaType: string;
  /** Base64. */
  readonly data: string;
}

/** Files of one request at most. */
const filesMax = 8;
/** Fetched at the same time. */
const parallelMax = 4;
/** All files of a request together. */
const fetchMsMax = 10_000;

/** The media of one exchange that are fetched, each once, whichever deployments are tried. */
export class ExchangeMedia {
  readonly #fetcher: MediaFetcher;
  readonly #question: MediaQuestion;
  readonly #account: MediaAccount;
  readonly #files = new Map<string, InlineFile>();

  constructor(fetcher: MediaFetcher, question: MediaQuestion) {
    this.#fetcher = fetcher;
    this.#question = question;
    this.#account = fetcher.open(question.bytesMax);
  }

  /** The request with bytes where the provider needs them. Throws Fault `media_fetch_refused` and others. */
  async inline(request: CompletionRequest, support: MediaSupport): Promise<CompletionRequest> {
    const wanted = [...mediaOf(request)].filter(block => needsBytes(block, support));
    if (wanted.length === 0) return request;
    this.#checkAllowed(wanted);
    await this.#fetchAll(wanted);
    return replaceMedia(request, new Map(wanted.map(block => [block, this.#inlined(block)])));
  }

  /** Its files are no longer needed. */
  close(): void {
    this.#files.clear();
    this.#account.close();
  }

  #checkAllowed(wanted: readonly MediaBlock[]): void {
    const { path } = wanted[0]!; // called with one or more
    const { allowed, zones, ownZone } = this.#question;
    if (!allowed) {
      const why = 'is given by URL, the provider takes bytes only, and the key may not have media fetched (mediaFetch)';
      throw refused(path, `${path} ${why}; send it inline.`);
    }
    // A place that nobody named is GLOBAL, which no narrower policy permits.
    if (!permits(zones, placeOf(ownZone))) {
      throw refused(path, `${path} may not be fetched where this gateway runs: the zones of the key exclude it.`);
    }
    const tooMany = wanted[filesMax];
    if (tooMany === undefined) return;
    throw refused(tooMany.path, `${tooMany.path} is one too many: ${filesMax} media a request are fetched.`);
  }

  async #fetchAll(wanted: readonly MediaBlock[]): Promise<void> {
    const { client, remainingMs } = this.#question;
    const missing = [...new Map(wanted.map(block => [addressOf(block), block])).entries()].filter(
      ([address]) => !this.#files.has(address),
    );
    if (missing.length === 0) return;
    if (client.gone) throw new Fault(client.goneBecause);
    const abort = new AbortController();
    const limitMs = Math.max(0, Math.min(fetchMsMax, remainingMs()));
    const late = setTimeout(() => abort.abort(lateBecause(limitMs)), limitMs);
    client.onGone = () => abort.abort(new Fault(client.goneBecause));
    try {
      const queue = missing.values();
      const lines = Array.from({ length: Math.min(parallelMax, missing.length) }, async () => {
        for (const [address, block] of queue) await this.#fetchOne(address, block, abort.signal);
      });
      // The first failure is the answer; the others are given up, and nothing of them is left running.
      const first = await Promise.all(lines).then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      if (first === undefined) return;
      abort.abort(first.error);
      await Promise.allSettled(lines);
      throw first.error;
    } finally {
      clearTimeout(late);
      client.onGone = undefined;
    }
  }

  async #fetchOne(address: string, block: MediaBlock, signal: AbortSignal): Promise<void> {
    try {
      const { mediaType, bytes } = await this.#fetcher.fetch(address, this.#account, signal);
      this.#files.set(address, { mediaType, data: bytes.toString('base64') });
    } catch (error) {
      if (error instanceof FetchRefusal) {
        throw refused(block.path, `${block.path} cannot be fetched: ${error.message}.`, error);
      }
      if (error instanceof NoRoomForMedia) {
        throw new Fault('overloaded', 'There is no room for more fetched media at the moment.');
      }
      throw error;
    }
  }

  #inlined(block: MediaBlock): MediaBlock {
    const { mediaType, data } = this.#files.get(addressOf(block))!; // fetchAll fetched all that is wanted
    const isImage = mediaType.startsWith('image/');
    if (isImage !== (block.kind === 'image')) {
      const is = isImage ? 'an image, not a document' : 'a PDF, not an image';
      throw refused(block.path, `${block.path} is ${is}.`);
    }
    return { ...block, source: { type: 'base64', mediaType, data } };
  }
}

function addressOf(block: MediaBlock): string {
  if (block.source.type !== 'url') throw new Error('media that is not given by URL was to be fetched');
  return block.source.url;
}

function lateBecause(limitMs: number): Error {
  if (limitMs < fetchMsMax) return new Fault('deadline_exceeded');
  return new FetchRefusal(`fetching took longer than ${fetchMsMax / 1000} seconds`);
}

function refused(path: string, message: string, cause?: unknown): Fault {
  return new Fault('media_fetch_refused', message, { parameter: path, cause });
}
