import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import type { DialectName } from '../completion/request.ts';
import { isRecord } from './wire-values.ts';

/** State that only the maker of an answer can read and wants back: signatures, encrypted reasoning. A client of another
 *  dialect carries it in an envelope of ours, which nobody else can make, read or change.
 *
 *  Six bytes that say what it is (`carrier1` in base64), a nonce, AES-256-GCM over the JSON, its tag; all as base64,
 *  because some clients check that (https://ai.google.dev/gemini-api/docs/thought-signatures, 2026-11). Nothing is compressed:
 *  a hold counts the bytes that a client sends, and what is in an envelope may not be more than that. The
 *  organisation is authenticated and not in it: an envelope opens for the organisation it was made for, and no other.
 *  Who made the state is inside rather than in the clear, so that a client does not learn whose models answer. */
export interface OpaqueState {
  readonly maker: StateMaker;
  /** The maker's own words, untouched. undefined: it gave none, and `text` is all there is. */
  readonly state: string | undefined;
  /** What was thought, for clients that have no place to keep it beside the state. */
  readonly text: string | undefined;
  readonly redacted: boolean;
}

export interface StateMaker {
  readonly dialect: DialectName;
  /** Kind of the provider, such as `anthropic`. */
  readonly kind: string;
  /** As the provider was asked for it. */
  readonly targetModel: string;
}

/** Of an envelope as clients carry it, in letters; a longer one is not opened. */
export const envelopeLettersMax = 1024 * 1024;
/** Of state and text together; more is not sealed. */
export const opaqueBytesMax = 512 * 1024;

const prefix = 'carrier1';
const prefixBytes = Buffer.from(prefix, 'base64');
const prefixText = Buffer.from(prefix);
const nonceBytes = 12;
const tagBytes = 16;

/** Is it meant as an envelope of ours? Says nothing of whether it opens. */
export function isEnvelope(text: string): boolean {
  return text.startsWith(prefix);
}

/** The same of a text that may hold one anywhere. */
export function mayHoldEnvelope(body: Buffer): boolean {
  return body.includes(prefixText);
}

export class StateSeal {
  readonly #key: KeyObject;

  /** An AES-256 key of its own use. */
  constructor(key: KeyObject) {
    this.#key = key;
  }

  /** undefined when it is larger than what clients can be asked to carry. */
  seal(opaque: OpaqueState, organisation: string): string | undefined {
    const { maker, state, text, redacted } = opaque;
    if (Buffer.byteLength(state ?? '') + Buffer.byteLength(text ?? '') > opaqueBytesMax) return undefined;
    const inside = JSON.stringify([maker.dialect, maker.kind, maker.targetModel, redacted, state, text]);
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(boundTo(organisation));
    const sealed = Buffer.concat([
      prefixBytes,
      nonce,
      cipher.update(inside, 'utf8'),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    const envelope = sealed.toString('base64');
    return envelope.length > envelopeLettersMax ? undefined : envelope;
  }

  /** undefined for anything but an envelope of this key and organisation, whole and unchanged to the last letter. */
  open(envelope: string, organisation: string): OpaqueState | undefined {
    if (!isEnvelope(envelope) || envelope.length > envelopeLettersMax) return undefined;
    const bytes = Buffer.from(envelope, 'base64');
    // Base64 can be written in several ways; only the one we write counts.
    if (bytes.toString('base64') !== envelope) return undefined;
    const sealedAt = prefixBytes.length + nonceBytes;
    if (bytes.length < sealedAt + tagBytes) return undefined;
    const nonce = bytes.subarray(prefixBytes.length, sealedAt);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(boundTo(organisation)).setAuthTag(bytes.subarray(-tagBytes));
    try {
      const inside = decipher.update(bytes.subarray(sealedAt, -tagBytes));
      return read(JSON.parse(Buffer.concat([inside, decipher.final()]).toString()));
    } catch {
      return undefined;
    }
  }
}

function boundTo(organisation: string): Buffer {
  return Buffer.from(`${prefix}\n${organisation}`);
}

function read(sealed: readonly unknown[]): OpaqueState {
  const [dialect, kind, targetModel, redacted, state, text] = sealed;
  // The casts are true: only `seal` writes what opens.
  return {
    maker: { dialect: dialect as DialectName, kind: kind as string, targetModel: targetModel as string },
    redacted: redacted === true,
    state: (state as string | null) ?? undefined,
    text: (text as string | null) ?? undefined,
  };
}

/** May this maker be given what that one made? A model gets back only what it said itself: blocks of another model are
 *  refused (https://platform.claude.com/docs/en/models/opus-5-5/whats-new-opus-5-5, 2026-11). Signatures of Messages are good
 *  on every platform of the model (https://platform.claude.com/docs/en/build-with-claude/extended-thinking, 2026-11); what
 *  hosts of chat completions add to the dialect is each one's own. */
export function isSameMaker(one: StateMaker, other: StateMaker): boolean {
  if (one.dialect !== other.dialect || modelFamily(one.targetModel) !== modelFamily(other.targetModel)) return false;
  return one.dialect === 'anthropic-messages' || one.kind === other.kind;
}

/** A model's name without the platform it is asked on and the day it was frozen: `us.anthropic.claude-x-20260101-v1:0`,
 *  `anthropic/claude-x@20260101` and `claude-x-latest` are `claude-x`. */
export function modelFamily(targetModel: string): string {
  return targetModel
    .toLowerCase()
    .replace(/^.*\//, '')
    .replace(/^(?:[a-z-]+\.)?anthropic\./, '')
    .replace(/-v\d+(?::\d+)?$/, '')
    .replace(/[-@](?:\d{8}|\d{4}-\d{2}-\d{2}|latest|default)$/, '');
}

/** The text of a JSON value that only our codecs write and read; undefined for anything else. */
export function readOwnState(state: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(state);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
