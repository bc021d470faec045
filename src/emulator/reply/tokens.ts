/** The emulator's own tokenizer: one token is four UTF-8 bytes, so a text has ceil(bytes / 4) tokens.
 *  Tests can count by hand, and a token is never more than its bytes. */
export const bytesPerToken = 4;

/** Fixed costs, so that an empty message and a tool definition are not free. */
export const tokensPerMessage = 3;
export const tokensPerMedia = 85;
export const tokensForToolPrompt = 8;

export function countTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / bytesPerToken);
}

/** Cuts a text to at most so many tokens, at a character boundary. */
export function cutToTokens(text: string, tokensMax: number): string {
  const bytesMax = tokensMax * bytesPerToken;
  if (text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax) return text;
  return cutToBytes(text, bytesMax);
}

export function cutToBytes(text: string, bytesMax: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > bytesMax) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** A stream of a huge text has larger pieces rather than more of them. */
const piecesMax = 100_000;

/** The pieces that a stream carries one by one: `pieceBytes` each at most, but never half a character. */
export function splitText(text: string, pieceBytes: number): string[] {
  const bytesMax = Math.max(pieceBytes, Math.ceil(Buffer.byteLength(text) / piecesMax));
  const pieces: string[] = [];
  let start = 0;
  let at = 0;
  let bytes = 0;
  for (const character of text) {
    const size = Buffer.byteLength(character);
    if (bytes + size > bytesMax && at > start) {
      pieces.push(text.slice(start, at));
      start = at;
      bytes = 0;
    }
    bytes += size;
    at += character.length;
  }
  if (at > start) pieces.push(text.slice(start));
  return pieces;
}
