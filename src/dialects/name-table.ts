/** A closed list of ASCII names, found by their bytes. Keys of wire objects are looked up in one of these, so that a
 *  field is recognised without making a string of it. */
export class NameTable<const Name extends string> {
  readonly names: readonly Name[];
  readonly #byLength: (Entry[] | undefined)[] = [];

  constructor(names: readonly Name[]) {
    this.names = names;
    names.forEach((name, index) => {
      (this.#byLength[name.length] ??= []).push({ bytes: Buffer.from(name, 'latin1'), index });
    });
  }

  /** The name's place in the list, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const entries = this.#byLength[end - start];
    if (entries === undefined) return -1;
    for (const entry of entries) if (matches(bytes, start, entry.bytes)) return entry.index;
    return -1;
  }
}

interface Entry {
  readonly bytes: Uint8Array;
  readonly index: number;
}

function matches(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let offset = 0; offset < name.length; offset += 1) if (bytes[start + offset] !== name[offset]) return false;
  return true;
}
