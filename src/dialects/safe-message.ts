const messageLettersMax = 600;

/** What a provider says may name its account or repeat a credential. These never reach a client or a log. */
const secretPatterns: readonly RegExp[] = [
  /\b(?:bearer|basic)\s+[\w.~+/=*-]{6,}/gi,
  // Keys and accounts with a known beginning, whole or half hidden by stars. Field names have no digits there.
  /\b(?:sk|pk|rk|gsk|xai|cck|key|api|hf|r8|nvapi|pplx|fw|csk|org|proj|user|acct|sess|ak)[-_](?=[\w*.-]{6})[\w*.-]*[\d*][\w*.-]*/g,
  /\b(?:AIza|AKIA|ASIA|ya29)[\w.-]{10,}/g,
  // Signed tokens.
  /\beyJ[\w-]{8,}\.[\w.-]+/g,
  // Long runs that mix letters and digits, as secrets do and words do not; names of models have separators, and no
  // capitals.
  /\b(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{28,}\b/g,
  /\b(?=[a-z\d_-]*[A-Z])(?=[A-Z\d_-]*[a-z])(?=[A-Za-z_-]*\d)[\w-]{40,}/g,
  // Resource names of AWS, which hold the number of the account.
  /\barn:aws[\w-]*:[^\s"',;]+/g,
  // URLs that carry credentials or queries.
  /\bhttps?:\/\/[^\s?]*[?@][^\s]*/gi,
];

/** A provider's message, made safe to show: one line, bounded, nothing in it that looks like a key or an account. */
export function safeMessage(message: unknown): string | undefined {
  if (typeof message !== 'string') return undefined;
  // Cut with room, so that a secret at the cut is recognised before it is shortened.
  let text = message.slice(0, messageLettersMax * 2).replace(/[\p{Cc}\p{Cf}\p{Cs}\s]+/gu, ' ');
  for (const pattern of secretPatterns) text = text.replace(pattern, '[removed]');
  text = text.trim();
  if (text === '') return undefined;
  return text.length <= messageLettersMax ? text : `${text.slice(0, messageLettersMax - 1)}…`;
}
