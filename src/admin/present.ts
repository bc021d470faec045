type Present<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

/** What was said, without what was not: an absent field and one that is undefined are not the same to everybody. */
export function withoutAbsent<Fields extends object>(fields: Fields): Present<Fields> {
  // True: what is undefined is taken out, and every field of Present may be absent.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<Fields>;
}

export function toDate(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}
