import { noScript, parseScript, parseScripts, type Script, ScriptError } from './script.ts';

/** Which script applies to a request. The request's own header wins over the rules; rules are tried in their order. */
export interface Scripts {
  /** Throws ScriptError for a header that cannot be read. */
  choose(header: string | undefined, model: string): Script;
  replaceRules(rules: readonly string[]): void;
  addRule(rule: string): void;
  readonly rules: readonly string[];
}

const countersMax = 10_000;
const parsedMax = 1_000;
const rulesMax = 100;

export function createScripts(initial: readonly string[]): Scripts {
  let rules: Script[] = [];
  const counters = new Map<string, number>();
  const parsed = new Map<string, readonly Script[]>();

  function parse(header: string): readonly Script[] {
    const known = parsed.get(header);
    if (known !== undefined) return known;
    const scripts = parseScripts(header);
    if (parsed.size >= parsedMax) parsed.clear();
    parsed.set(header, scripts);
    return scripts;
  }

  /** Counts the request for the script, and says whether the script is for it. */
  function holds(script: Script, model: string): boolean {
    const { when } = script;
    if (when.model !== undefined && when.model !== model) return false;
    if (when.nth === undefined && when.times === undefined) return true;
    const key = when.id ?? script.text;
    const count = (counters.get(key) ?? 0) + 1;
    if (!counters.has(key) && counters.size >= countersMax) counters.delete(counters.keys().next().value!);
    counters.set(key, count);
    if (when.nth !== undefined) return count === when.nth;
    return count <= when.times!;
  }

  function replaceRules(texts: readonly string[]): void {
    if (texts.length > rulesMax) throw new ScriptError(`more than ${rulesMax} rules`);
    rules = texts.map(parseScript);
    counters.clear();
  }

  replaceRules(initial);
  return {
    choose(header, model) {
      if (header === undefined && rules.length === 0) return noScript;
      const candidates = header === undefined ? rules : parse(header);
      return candidates.find(script => holds(script, model)) ?? noScript;
    },
    replaceRules,
    addRule(rule) {
      if (rules.length >= rulesMax) throw new ScriptError(`more than ${rulesMax} rules`);
      rules = [...rules, parseScript(rule)];
    },
    get rules() {
      return rules.map(rule => rule.text);
    },
  };
}
