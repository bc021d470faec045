import { randomFillSync } from 'node:crypto';

/** `ex_` and 26 characters of Crockford's base 32: 48 bits of milliseconds since 1970, then 80 random bits, so that ids
 *  sort by time and cannot be guessed. */
export function mintExchangeId(nowMs: number): string {
  if (nowMs !== instantMs) {
    instantMs = nowMs;
    instantText = encodeInstant(nowMs);
  }
  if (randomAt === random.length) {
    randomFillSync(random);
    randomAt = 0;
  }
  let text = instantText;
  for (let pair = 0; pair < 8; pair++) text += pairs[random[randomAt++]! & 1023]!;
  return text;
}

const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** Two digits for each 10-bit number. */
const pairs: readonly string[] = Array.from({ length: 1024 }, (_, n) => digits[n >> 5]! + digits[n & 31]!);

/** 512 ids a fill: asking the system for random bytes each time would cost more than the rest of the id. */
const random = new Uint16Array(512 * 8);
let randomAt = random.length;
let instantMs = -1;
let instantText = '';

function encodeInstant(nowMs: number): string {
  let rest = nowMs;
  let text = '';
  for (let digit = 0; digit < 10; digit++) {
    text = digits[rest % 32]! + text;
    rest = Math.floor(rest / 32);
  }
  return `ex_${text}`;
}
