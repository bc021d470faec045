/** Tokens guessed from bytes, for what no provider reported. An estimate says by which rule it was made, so the table is
 *  never edited in place: another table is another version, and old charges still name the one they were made by. */
const version = 1;

/** UTF-8 bytes of one token of English text, in hundredths, by the vendor of the model:
 *  openai 4 (https://help.openai.com/en/articles/4936856, 2026-11), anthropic 3.5
 *  (https://platform.claude.com/docs/en/about-claude/glossary, 2026-11), google 4
 *  (https://ai.google.dev/gemini-api/docs/tokens, 2026-11), deepseek 0.3 tokens a character
 *  (https://api-docs.deepseek.com/quick_start/token_usage, 2026-11). Others publish none; 4 is what most are near. */
const hundredthsPerToken: Readonly<Record<string, number>> = {
  openai: 400,
  anthropic: 350,
  google: 400,
  deepseek: 333,
  other: 400,
};

/** The family of a `vendor/name`. */
export function familyOf(model: string): string {
  const vendor = model.slice(0, Math.max(0, model.indexOf('/')));
  return Object.hasOwn(hundredthsPerToken, vendor) ? vendor : 'other';
}

/** The id that estimates of a family carry, such as `bytes-per-token/1:anthropic`. */
export function estimateRule(family: string): string {
  return `bytes-per-token/${version}:${family}`;
}

/** A request as estimates see it. */
export interface EstimatedRequest {
  /** UTF-8 bytes of the body without the data of media. */
  readonly textBytes: number;
  readonly mediaParts: number;
}

/** An image as large as models look at: 1,568 tokens at Anthropic (https://platform.claude.com/docs/en/build-with-claude/vision,
 *  2026-11), fewer at OpenAI. Pages and seconds of other media are not known here. */
const tokensPerMediaPart = 1_600;

/** JSON syntax counts as text: a little too many rather than too few. */
export function estimateInputTokens({ textBytes, mediaParts }: EstimatedRequest, family: string): number {
  return tokensOf(textBytes, family) + mediaParts * tokensPerMediaPart;
}

/** From the UTF-8 bytes of text, arguments and reasoning. */
export function estimateOutputTokens(contentBytes: number, family: string): number {
  return tokensOf(contentBytes, family);
}

function tokensOf(bytes: number, family: string): number {
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new RangeError(`not a number of bytes: ${bytes}`);
  const hundredths = hundredthsPerToken[family];
  if (hundredths === undefined) throw new RangeError(`not a family of the table: ${family.slice(0, 40)}`);
  // Whole numbers below 2⁵³ as long as bytes are below 90 terabytes, so the quotient's ceiling is exact.
  return Math.ceil((bytes * 100) / hundredths);
}
