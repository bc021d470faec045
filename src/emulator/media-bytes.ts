/** What the providers see in the bytes of a file, whatever it is said to be. */
export function typeOfFile(base64: string): string | undefined {
  const head = Buffer.from(base64.slice(0, 64), 'base64').toString('latin1');
  if (head.startsWith('\x89PNG')) return 'image/png';
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (head.startsWith('GIF8')) return 'image/gif';
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'image/webp';
  return head.startsWith('%PDF-') ? 'application/pdf' : undefined;
}

/** Padded, and without anything that is no base64. */
export function isBase64(text: string): boolean {
  if (text === '' || text.length % 4 !== 0) return false;
  const other = text.search(/[^A-Za-z0-9+/]/);
  return other === -1 || /^={1,2}$/.test(text.slice(other));
}
