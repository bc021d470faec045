import { Resolver } from 'node:dns/promises';
import { FetchRefusal } from './fetch-refusal.ts';

/** Asks name servers (the machine's own unless said), not the hosts file: names that only this machine knows are not for
 *  clients. Rejects with FetchRefusal, or with what the signal was aborted with. */
export async function resolveHost(
  hostname: string,
  signal: AbortSignal,
  servers?: readonly string[],
): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: queryTimeoutMs, tries: 2 });
  if (servers !== undefined) resolver.setServers([...servers]);
  const cancel = () => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    if (signal.aborted) throw signal.reason;
    const found = [four, six].flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []));
    if (found.length === 0) throw new FetchRefusal('its host is not known');
    return found;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

const queryTimeoutMs = 3_000;
