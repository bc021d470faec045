/** `data:[<media type>][;<parameter>]*[;base64],<data>` (RFC 2397). */
export interface DataUrl {
  /** As written, with its parameters; empty when absent. */
  readonly mediaType: string;
  /** In base64, as written; a URL that is not in base64 is written so here. */
  readonly base64: string;
}

/** Of what stands before the data: a media type with its parameters. */
const headLettersMax = 512;

export function isDataUrl(url: string): boolean {
  return /^data:/i.test(url);
}

/** undefined when it is none. The data may be large: they are cut out, not looked at. */
export function parseDataUrl(url: string): DataUrl | undefined {
  if (!isDataUrl(url)) return undefined;
  const comma = url.slice(0, headLettersMax).indexOf(',');
  if (comma === -1) return undefined;
  const head = url.slice('data:'.length, comma).trim();
  const data = url.slice(comma + 1);
  const marked = /;\s*base64$/i.exec(head);
  if (marked !== null) return { mediaType: head.slice(0, marked.index), base64: data };
  const bytes = percentDecoded(data);
  return bytes === undefined ? undefined : { mediaType: head, base64: bytes.toString('base64') };
}

/** Octets that stand as they are or as %XX; undefined when a letter is none. */
function percentDecoded(text: string): Buffer | undefined {
  if (/[^\x21-\x7e]|%(?![0-9a-fA-F]{2})/.test(text)) return undefined;
  return Buffer.from(
    text.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}
