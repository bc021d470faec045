/** Which media every dialect here can carry, and how their bytes begin. What a client says of a file is often wrong: a
 *  provider that is told `image/png` of a JPEG refuses it. */

export const imageTypes = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;
export const pdfType = 'application/pdf';

/** Bytes of a file that tell its type. Readers look for `%PDF-` in the first kilobyte
 *  (ISO 32000-1, annex H, implementation note 13). */
export const mediaHeadBytes = 1_024;

/** The type that the first bytes of a file show; undefined for everything that is not carried. */
export function typeOfBytes(head: Buffer): string | undefined {
  if (startsWith(head, '\x89PNG\r\n\x1a\n')) return 'image/png';
  if (startsWith(head, '\xff\xd8\xff')) return 'image/jpeg';
  if (startsWith(head, 'GIF87a') || startsWith(head, 'GIF89a')) return 'image/gif';
  if (startsWith(head, 'RIFF') && head.toString('latin1', 8, 12) === 'WEBP') return 'image/webp';
  if (head.subarray(0, mediaHeadBytes).includes('%PDF-')) return pdfType;
  return undefined;
}

/** Lower case, without parameters; undefined when nothing is said. `image/jpg` is what many call `image/jpeg`. */
export function plainMediaType(declared: string | undefined): string | undefined {
  const type = declared === undefined ? '' : declared.split(';', 1)[0]!.trim().toLowerCase();
  if (type === '') return undefined;
  return type === 'image/jpg' ? 'image/jpeg' : type;
}

export function isImageType(type: string): boolean {
  return (imageTypes as readonly string[]).includes(type);
}

/** Files that are read as the text they are. */
export function isTextType(type: string): boolean {
  return type.startsWith('text/') || textTypes.has(type);
}

const textTypes: ReadonlySet<string> = new Set([
  'application/json',
  'application/xml',
  'application/yaml',
  'application/x-yaml',
  'application/javascript',
  'application/x-sh',
]);

function startsWith(head: Buffer, magic: string): boolean {
  return head.length >= magic.length && head.toString('latin1', 0, magic.length) === magic;
}
