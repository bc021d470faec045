/** Replaces bytes start..end by text. start === end inserts. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What is inserted at a place stands before what is replaced from there on. */
function inOrder(left: Edit, right: Edit): number {
  return left.start - right.start || left.end - right.end;
}

/** The body with the edits made, every other byte as it was. Edits must not overlap; their order means nothing,
 *  but that of insertions at one place does. */
export function applyEdits(body: Buffer, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return body;
  const sorted = edits.length === 1 ? edits : [...edits].sort(inOrder);
  let length = body.length;
  for (const edit of sorted) length += Buffer.byteLength(edit.text) - (edit.end - edit.start);
  const spliced = Buffer.allocUnsafe(length);
  let from = 0;
  let to = 0;
  for (const edit of sorted) {
    to += body.copy(spliced, to, from, edit.start);
    to += spliced.write(edit.text, to);
    from = edit.end;
  }
  body.copy(spliced, to, from);
  return spliced;
}
