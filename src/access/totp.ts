import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Time-based one-time passwords (RFC 6238, https://www.rfc-editor.org/rfc/rfc6238, 2026-11): HMAC-SHA-1, 30 seconds, six
 *  digits, which is what authenticator apps understand without being told. */
const stepSeconds = 30;
const digits = 6;
const secretBytes = 20;
/** Steps before and after now that count as now: clocks of phones are off, and people type slowly. */
const stepsOff = 1;
const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Base32, as apps take it. */
export function mintTotpSecret(random: (count: number) => Buffer = randomBytes): string {
  let bits = 0n;
  for (const byte of random(secretBytes)) bits = (bits << 8n) | BigInt(byte);
  let text = '';
  for (let at = secretBytes * 8 - 5; at >= 0; at -= 5) text += base32[Number((bits >> BigInt(at)) & 31n)];
  return text;
}

/** What a QR code of it says. */
export function totpUri(
  secret: string,
  { issuer, account }: { readonly issuer: string; readonly account: string },
): string {
  return `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(account)}?secret=${secret}&issuer=${encodeURIComponent(issuer)}`;
}

/** The step that this code is of, near now; undefined when it is of none. Who takes it must take each step only once. */
export function totpStepOf(secret: string, code: string, nowMs: number): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined;
  const key = decodeBase32(secret);
  const now = Math.floor(nowMs / 1_000 / stepSeconds);
  let found: number | undefined;
  // All of them, whichever fits: the time taken says nothing.
  for (let step = now - stepsOff; step <= now + stepsOff; step++) {
    if (timingSafeEqual(Buffer.from(codeAt(key, step)), Buffer.from(code))) found = step;
  }
  return found;
}

/** The code of one moment. */
export function totpCode(secret: string, nowMs: number): string {
  return codeAt(decodeBase32(secret), Math.floor(nowMs / 1_000 / stepSeconds));
}

function codeAt(key: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', key).update(counter).digest();
  const offset = mac[mac.length - 1]! & 0xf;
  const number = (mac.readUInt32BE(offset) & 0x7fff_ffff) % 10 ** digits;
  return String(number).padStart(digits, '0');
}

function decodeBase32(text: string): Buffer {
  let bits = 0n;
  for (const letter of text) bits = (bits << 5n) | BigInt(base32.indexOf(letter));
  const bytes = Buffer.alloc(Math.floor((text.length * 5) / 8));
  for (let at = bytes.length - 1; at >= 0; at--) {
    bytes[at] = Number(bits & 255n);
    bits >>= 8n;
  }
  return bytes;
}
