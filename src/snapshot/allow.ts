/** Which names a key may put in the model's place. `*` stands for any characters of one segment, `**` for any characters;
 *  all else stands for itself. */

/** Is `name` covered by one of the patterns? Time is at most pattern × name, whatever the pattern. */
export function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some(pattern => matchesPattern(pattern, name));
}

export function matchesPattern(pattern: string, name: string): boolean {
  // reached[i]: can what was read of the pattern so far cover the first i characters of the name?
  let reached = new Array<boolean>(name.length + 1).fill(false);
  reached[0] = true;
  for (let at = 0; at < pattern.length; at++) {
    const next = new Array<boolean>(name.length + 1).fill(false);
    if (pattern[at] === '*') {
      const crossesSegments = pattern[at + 1] === '*';
      if (crossesSegments) at++;
      next[0] = reached[0]!;
      for (let i = 1; i <= name.length; i++) {
        next[i] = reached[i]! || (next[i - 1]! && (crossesSegments || name[i - 1] !== '/'));
      }
    } else {
      for (let i = 1; i <= name.length; i++) next[i] = reached[i - 1]! && name[i - 1] === pattern[at];
    }
    reached = next;
  }
  return reached[name.length]!;
}
