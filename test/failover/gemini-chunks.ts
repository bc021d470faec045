import { partialArgs } from '../../src/emulator/gemini/partial-calls.ts';

interface Chunk {
  readonly candidates: readonly { readonly content: { readonly parts: readonly Part[] } }[];
}

interface Part {
  readonly text?: string;
  readonly functionCall?: Readonly<Record<string, unknown>>;
}

/** A stream of Gemini, cut as finely as any is: a chunk that says nothing first, few letters at a time, calls piece by piece
 *  as Vertex sends them, and a last chunk with nothing but the reason for the end. A whole answer stands in three chunks
 *  otherwise, which has no place for most faults. */
export function finerChunks(bytes: Buffer): Buffer {
  const lines = bytes.toString().split('\n');
  const chunks: Chunk[] = lines.flatMap(line => (line.startsWith('data: ') ? [JSON.parse(line.slice(6))] : []));
  const last = chunks.at(-1)!;
  const pieces = chunks.flatMap(({ candidates }) => candidates[0]!.content.parts.flatMap(piecesOf));
  const { finishReason: _, ...open } = last.candidates[0] as Chunk['candidates'][0] & { finishReason: unknown };
  const written = [{ text: '' }, ...pieces].map(part => ({
    ...last,
    candidates: [{ ...open, content: { parts: [part], role: 'model' } }],
  }));
  const end = { ...last, candidates: [{ ...last.candidates[0], content: { parts: [{ text: '' }], role: 'model' } }] };
  return Buffer.from([...written, end].map(chunk => `data: ${JSON.stringify(chunk)}\r\n\r\n`).join(''));
}

function piecesOf(part: Part): Part[] {
  const { text, functionCall } = part;
  if (functionCall !== undefined) {
    const { args, ...opened } = functionCall;
    return [
      { ...part, functionCall: { ...opened, willContinue: true } },
      ...partialArgs(args).map(arg => ({ functionCall: { partialArgs: [arg], willContinue: true } })),
      { functionCall: {} },
    ];
  }
  if (text === undefined || text === '') return [part];
  return text.match(/.{1,4}/gs)!.map(piece => ({ ...part, text: piece }));
}
