import { setTimeout as sleep } from 'node:timers/promises';

export interface ChatAsk {
  readonly url: string;
  readonly key: string;
  /** Default openai/gpt-5. */
  readonly model?: string;
  readonly stream?: boolean;
  readonly maxTokens?: number;
  /** Leave after the first bytes of the answer. */
  readonly leave?: boolean;
}

export interface ChatAnswer {
  /** 0 when the connection broke. */
  readonly status: number;
  /** The stable code of a refusal; '200' or another status otherwise. */
  readonly outcome: string;
  readonly exchangeId: string;
  readonly retryAfter: string | null;
  readonly text: string;
}

const triesMax = 5;

/** One chat request on a connection of its own, so that requests spread over workers. */
export async function askChat(ask: ChatAsk): Promise<ChatAnswer> {
  const leaving = new AbortController();
  try {
    const response = await fetch(`${ask.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ask.key}`, 'content-type': 'application/json', connection: 'close' },
      signal: leaving.signal,
      body: JSON.stringify({
        model: ask.model ?? 'openai/gpt-5',
        max_tokens: ask.maxTokens ?? 10,
        stream: ask.stream ?? false,
        messages: [{ role: 'user', content: 'x' }],
      }),
    });
    const answer = {
      status: response.status,
      outcome: response.headers.get('x-carrier-fault') ?? String(response.status),
      exchangeId: response.headers.get('x-carrier-exchange-id') ?? '',
      retryAfter: response.headers.get('retry-after'),
    };
    if (ask.leave !== true) return { ...answer, text: await response.text() };
    await response.body!.getReader().read();
    leaving.abort();
    return { ...answer, text: '' };
  } catch {
    return { status: 0, outcome: 'cut', exchangeId: '', retryAfter: null, text: '' };
  }
}

/** As SDKs ask: whoever is told to come again does so, since a machine that is too busy to reach its ledger within 50 ms
 *  has refused nobody. */
export async function askChatPatiently(ask: ChatAsk): Promise<ChatAnswer> {
  for (let tries = 1; ; tries += 1) {
    const answer = await askChat(ask);
    if (answer.outcome !== 'budget_unverifiable' || tries === triesMax) return answer;
    await sleep(Number(answer.retryAfter) * 1_000);
  }
}
