import { Fault } from '../completion/fault.ts';

/** The largest declarative file, as a JSON string at its longest. */
export const bodyBytesMax = 10 * 1024 * 1024;

/** The body as text, read no further than the bound. Throws Fault('body_too_large' | 'utf8_invalid'). */
export async function readBody(request: Request): Promise<string> {
  if (Number(request.headers.get('content-length') ?? 0) > bodyBytesMax) throw new Fault('body_too_large');
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bodyBytesMax) throw new Fault('body_too_large');
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (cause) {
    throw new Fault('utf8_invalid', undefined, { cause });
  }
}
