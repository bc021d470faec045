/** RFC 4180: fields by commas, records by CRLF, quotes doubled. A field that a spreadsheet would run as a formula gets an
 *  apostrophe in front; numbers are never touched, negative ones included.
 *  https://www.rfc-editor.org/rfc/rfc4180, https://owasp.org/www-community/attacks/CSV_Injection (both 2026-11) */
export function csvRecord(fields: readonly (string | null)[]): string {
  return `${fields.map(field => (field === null ? '' : csvField(field))).join(',')}\r\n`;
}

function csvField(field: string): string {
  const safe = isNumber.test(field) || !formula.test(field) ? field : `'${field}`;
  return /[",\r\n]/.test(safe) || /^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const isNumber = /^-?\d+(\.\d+)?$/;
/** Leading blanks do not keep a spreadsheet from running it; full-width forms are read as the plain ones. */
const formula = /^\s*[=+\-@\t\r＝＋－＠]/;
