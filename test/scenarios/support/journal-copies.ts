import { existsSync, linkSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseSegmentName } from '../../../src/journal/segment.ts';

export interface JournalCopies {
  readonly directory: string;
  /** Links what is new; to be called before a process is killed, since its segments may be shipped and deleted at once. */
  link(): void;
  stop(): void;
}

const intervalMs = 50;

/** Keeps every journal segment after it was shipped and deleted: a second name for the same file, made while it is
 *  written, so that whatever is appended later is in the copy, too. */
export function keepJournal(journalDirectory: string, directory: string): JournalCopies {
  mkdirSync(directory, { recursive: true });
  const link = () => {
    for (const name of readdirSync(journalDirectory)) {
      const copy = join(directory, name);
      if (parseSegmentName(name) === undefined || existsSync(copy)) continue;
      try {
        linkSync(join(journalDirectory, name), copy);
      } catch (error) {
        // Deleted between the two calls: its worker wrote nothing, or this comes too late and the check will tell.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  };
  const timer = setInterval(link, intervalMs);
  return { directory, link, stop: () => clearInterval(timer) };
}
