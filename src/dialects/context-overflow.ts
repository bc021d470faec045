/** A prompt that is longer than the model's context. Agents compact and go on when they see that, and know it by words: a
 *  code in chat completions, a sentence in Messages. Each host has a sentence of its own; what its numbers say is kept. */
export interface OverflowNumbers {
  readonly askedTokens: number;
  readonly limitTokens: number;
}

interface Wording {
  /** Groups: `asked` and `limit`, where the host names both; `over` beside `limit` says by how much. */
  readonly pattern: RegExp;
  readonly source: string;
}

/** In the order in which they are tried: those with numbers first. Sources read in 2026-11. */
export const overflowWordings: readonly Wording[] = [
  {
    // Anthropic
    pattern: /prompt is too long: (?<asked>\d+) tokens > (?<limit>\d+) maximum/i,
    source: 'https://platform.claude.com/docs/en/api/errors',
  },
  {
    // Anthropic, when only the output limit does not fit any more
    pattern: /input length and `?max_tokens`? exceed context limit: (?<asked>\d+) \+ \d+ > (?<limit>\d+)/i,
    source: 'https://github.com/continuedev/continue/issues/6080',
  },
  {
    // OpenAI and Azure (older models), DeepSeek, vLLM, OpenRouter
    pattern:
      /maximum context length (?:is|of) (?<limit>\d+) tokens\D{0,60}?(?:resulted in|requested(?: about)?|request has) (?<asked>\d+) (?:input )?tokens/i,
    source: 'https://github.com/evalstate/fast-agent/issues/621',
  },
  {
    // vLLM, with the output limit
    pattern:
      /(?:context length is (?<limit>\d+) tokens.{0,80}?)(?:your request has|prompt contains(?: at least)?) (?<asked>\d+) input tokens/i,
    source: 'https://github.com/vllm-project/vllm/pull/36197',
  },
  {
    // vLLM, since 2026
    pattern: /passed (?<asked>\d+) input tokens.{0,80}? context length is only (?<limit>\d+) tokens/i,
    source: 'https://github.com/proxysoul/Empryo/issues/52',
  },
  {
    // vLLM, engine
    pattern: /prompt \(length (?<asked>\d+)\) is longer than the maximum model length of (?<limit>\d+)/i,
    source: 'github.com/vllm-project/vllm, vllm/v1/engine',
  },
  {
    // Mistral
    pattern:
      /prompt contains (?<asked>\d+) tokens.{0,60}? too large for model with (?<limit>\d+) maximum context length/i,
    source: 'https://docs.mistral.ai/resources/known-limitations',
  },
  {
    // xAI
    pattern: /maximum prompt length is (?<limit>\d+) but the request contains (?<asked>\d+) tokens/i,
    source: 'https://github.com/cline/cline/issues/3120',
  },
  {
    // llama.cpp
    pattern: /request \((?<asked>\d+) tokens\) exceeds the available context size \((?<limit>\d+) tokens\)/i,
    source: 'https://github.com/ggml-org/llama.cpp/pull/15780',
  },
  {
    // Google
    pattern: /input token count \((?<asked>\d+)\) exceeds the maximum number of tokens allowed \((?<limit>\d+)\)/i,
    source: 'https://ai.google.dev/gemini-api/docs/troubleshooting',
  },
  {
    // Cohere
    pattern: /number of tokens in the prompt cannot exceed (?<limit>\d+) - received (?<asked>\d+)/i,
    source: 'https://docs.cohere.com/reference/errors',
  },
  {
    // Kimi
    pattern: /exceeded model token limit: (?<limit>\d+) \(requested: (?<asked>\d+)\)/i,
    source: 'reported wording of Kimi For Coding',
  },
  {
    // OpenAI (current models), Groq, Bedrock, Ollama, Cohere and others, without both numbers
    pattern:
      /prompt (?:is )?too long|max(?:imum)? context length|maximum prompt length|maximum model length|exceeds? (?:the |this model's |its )?(?:available )?context|context (?:window|limit) (?:of|exceeded|limit)|exceed context limit|context window exceeds limit|exceeded model token limit|greater than the context length|context length is only|context size has been exceeded|input is too long|input length exceeds|input tokens? (?:count (?:\(\d+\) )?exceeds|exceeded)|too many (?:prompt |input )?tokens|reduce the length of (?:the|your) (?:messages|prompt|input)/i,
    source:
      'https://developers.openai.com/api/docs/guides/error-codes, https://console.groq.com/docs/errors, https://github.com/warpdotdev/warp/issues/15662 and others',
  },
];

/** Cohere begins so when the output limit alone is too large, which no shorter prompt mends
 *  (https://docs.cohere.com/reference/errors, 2026-11). */
const outputLimitWording = /^too many tokens: max tokens must be/i;

export function saysOverflow(message: string): boolean {
  return !outputLimitWording.test(message) && overflowWordings.some(({ pattern }) => pattern.test(message));
}

/** undefined unless the host names both. */
export function overflowNumbers(message: string): OverflowNumbers | undefined {
  for (const { pattern } of overflowWordings) {
    const groups = pattern.exec(message)?.groups;
    if (groups?.['asked'] === undefined || groups['limit'] === undefined) continue;
    return { askedTokens: Number(groups['asked']), limitTokens: Number(groups['limit']) };
  }
  return undefined;
}
