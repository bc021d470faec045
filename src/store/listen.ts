import { connectSession } from './connect.ts';

const retryMs = 1_000;

export interface Listening {
  /** An embedded server that was started again has another. */
  readonly url: () => string;
  readonly channel: string;
  readonly applicationName: string;
  readonly onPayload: (payload: string) => void;
}

/** Calls back at each notification of a channel. Reconnects by itself; what was said meanwhile is missed. Returns how to
 *  stop. */
export function listen({ url, channel, applicationName, onPayload }: Listening): () => Promise<void> {
  let stopped = false;
  let current: ReturnType<typeof connectSession> | undefined;
  let retry: NodeJS.Timeout | undefined;

  const again = () => {
    current = undefined;
    if (!stopped) retry = setTimeout(() => void open(), retryMs);
  };
  const open = async () => {
    const client = connectSession(url(), { applicationName });
    current = client;
    // One broken connection may say so twice.
    let over = false;
    const lost = () => {
      if (over) return;
      over = true;
      client.end().catch(() => {});
      again();
    };
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', ({ payload }) => {
      if (payload !== undefined) onPayload(payload);
    });
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
    } catch {
      lost();
    }
  };
  void open();
  return async () => {
    stopped = true;
    clearTimeout(retry);
    await current?.end().catch(() => {});
  };
}
