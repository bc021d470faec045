import { createHash } from 'node:crypto';

/** Fields whose value is a secret, or what one could be found by, however they are written. */
const secretFields =
  /^(?:.*(?:secret|password|passphrase|credential(?:Value)?|token|totp|otp|recoveryCodes?|apiKey|privateKey|cookie|authorization|sealed|digest|hash)|previous)$/i;
/** Secrets by their look: ours, and those of providers that people paste into the wrong field. */
const secretTexts =
  /\b(?:cc[a-z]_[0-9A-Za-z]+_[0-9A-Za-z]{16,}|(?:sk|pk|rk|gsk|xai|ghp|whsec)[-_][0-9A-Za-z_-]{16,}|AIza[0-9A-Za-z_-]{30,}|AKIA[0-9A-Z]{16}|Bearer\s+\S{8,})/g;
const redacted = '(redacted)';
/** References say where a secret is, not what it is. */
const referencePattern =
  /^(?:env:[A-Za-z_][A-Za-z0-9_]*(?::[A-Za-z_][A-Za-z0-9_]*){0,3}|file:[^\0]{1,4096}|stored:[0-9a-f]{16})$/;

const textLengthMax = 2_000;
/** Of one side of one event, as JSON. More is told by its size and digest. */
const recordedBytesMax = 16 * 1024;
const depthMax = 32;

/** What of a value the log may show. Numbers, booleans and references stay; secrets are replaced, long texts cut. */
export function redact(value: unknown): unknown {
  return redactAt(value, 0);
}

/** The same as JSON text, bounded; null for undefined and null. */
export function redactedJson(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const text = JSON.stringify(redact(value));
  const bytes = Buffer.byteLength(text);
  if (bytes <= recordedBytesMax) return text;
  return JSON.stringify({ tooLong: true, bytes, sha256: createHash('sha256').update(text).digest('hex') });
}

function redactAt(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= depthMax) return '(too deep)';
  if (Array.isArray(value)) return value.map(item => redactAt(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      redactText(name),
      secretFields.test(name) ? redactSecret(inner) : redactAt(inner, depth + 1),
    ]),
  );
}

/** Whether there is one may be told, and where it lies. */
function redactSecret(value: unknown): unknown {
  if (value === null || value === undefined || typeof value === 'boolean') return value;
  if (typeof value === 'string' && referencePattern.test(value)) return value;
  return redacted;
}

function redactText(text: string): string {
  // Postgres keeps neither NUL nor half of a surrogate pair.
  const clean = text.toWellFormed().replaceAll('\0', '\ufffd').replaceAll(secretTexts, redacted);
  return clean.length <= textLengthMax ? clean : `${clean.slice(0, textLengthMax).toWellFormed()}…`;
}
