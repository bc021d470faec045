/** What a prompt can ask of the emulator, in plain sentences of the last user message. Case does not matter.
 *
 *    call the tool NAME               a call of that tool; several sentences make parallel calls
 *    call the tool NAME with {JSON}   the same with these arguments
 *    answer with N tokens             length of the text
 *    say exactly: TEXT                the text, to the end of the line
 *    repeat your system prompt        the text is the system prompt
 *    refuse to answer                 a refusal
 *    think for N tokens               length of the reasoning, where reasoning is on
 *    redact your thinking             an Anthropic redacted_thinking block instead of a thinking block
 *    read N tokens from cache         cached input in the usage
 *    write N tokens to cache [for one hour]
 *
 *  Lines that begin with `step 1:`, `step 2:` … are asked of one turn each, calls after results of tools included
 *  (steps.ts): a task for an agent.
 */
export interface Directives {
  readonly calls: readonly AskedCall[];
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

export interface AskedCall {
  readonly name: string;
  /** JSON text of an object; undefined leaves the arguments to the tool's schema. */
  readonly input: string | undefined;
}

/** Longer answers are cut; a prompt cannot make the emulator write without end. */
const tokensMax = 1_000_000;
const callsMax = 32;

export function readDirectives(prompt: string): Directives {
  const calls: AskedCall[] = [];
  for (const match of prompt.matchAll(/\bcall the tool ([A-Za-z0-9_-]+)/gi)) {
    if (calls.length < callsMax)
      calls.push({ name: match[1]!, input: readInput(prompt, match.index + match[0].length) });
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

const withObject = / with (?=\{)/y;

/** The object that stands there, to the brace that closes it; undefined when there is none, or it is no JSON. */
function readInput(prompt: string, at: number): string | undefined {
  withObject.lastIndex = at;
  const match = withObject.exec(prompt);
  if (match === null) return undefined;
  const start = at + match[0].length;
  let depth = 0;
  for (const token of prompt.slice(start).matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token[0] === '{') depth += 1;
    if (token[0] === '}') depth -= 1;
    if (depth > 0) continue;
    const text = prompt.slice(start, start + token.index + 1);
    try {
      return JSON.stringify(JSON.parse(text));
    } catch {
      return undefined;
    }
  }
  return undefined;
}

function readNumber(prompt: string, expression: RegExp): number | undefined {
  const match = expression.exec(prompt);
  return match === null ? undefined : Math.min(Number(match[1]), tokensMax);
}
