/** What a prompt can ask of the emulator, in plain sentences of the last user message. Case does not matter.
 *
 *    call the tool NAME               a call of that tool; several sentences make parallel calls
 *    answer with N tokens             length of the text
 *    say exactly: TEXT                the text, to the end of the line
 *    repeat your system prompt        the text is the system prompt
 *    refuse to answer                 a refusal
 *    think for N tokens               length of the reasoning, where reasoning is on
 *    redact your thinking             an Anthropic redacted_thinking block instead of a thinking block
 *    read N tokens from cache         cached input in the usage
 *    write N tokens to cache [for one hour]
 */
export interface Directives {
  readonly calls: readonly string[];
  readonly tokens: number | undefined;
  readonly exactly: string | undefined;
  readonly repeatSystem: boolean;
  readonly refuse: boolean;
  readonly thinkTokens: number | undefined;
  readonly redactThinking: boolean;
  readonly cacheRead: number | undefined;
  readonly cacheWrite5m: number | undefined;
  readonly cacheWrite1h: number | undefined;
}

/** Longer answers are cut; a prompt cannot make the emulator write without end. */
const tokensMax = 1_000_000;
const callsMax = 32;

export function readDirectives(prompt: string): Directives {
  const calls: string[] = [];
  for (const match of prompt.matchAll(/\bcall the tool ([A-Za-z0-9_-]+)/gi)) {
    if (calls.length < callsMax) calls.push(match[1]!);
  }
  const hour = /\bwrite \d+ tokens to cache for one hour/i.test(prompt);
  const written = readNumber(prompt, /\bwrite (\d{1,9}) tokens to cache/i);
  return {
    calls,
    tokens: readNumber(prompt, /\banswer with (\d{1,9}) tokens?/i),
    exactly: /\bsay exactly: ?(.*)/i.exec(prompt)?.[1],
    repeatSystem: /\brepeat your system prompt/i.test(prompt),
    refuse: /\brefuse to answer/i.test(prompt),
    thinkTokens: readNumber(prompt, /\bthink for (\d{1,9}) tokens?/i),
    redactThinking: /\bredact your thinking/i.test(prompt),
    cacheRead: readNumber(prompt, /\bread (\d{1,9}) tokens from cache/i),
    cacheWrite5m: hour ? undefined : written,
    cacheWrite1h: hour ? written : undefined,
  };
}

function readNumber(prompt: string, expression: RegExp): number | undefined {
  const match = expression.exec(prompt);
  return match === null ? undefined : Math.min(Number(match[1]), tokensMax);
}
