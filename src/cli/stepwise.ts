import type { Surroundings } from './surroundings.ts';

/** Steps of one piece of work at most: at some seconds each, a day. */
const stepsMax = 40_000;

/** Does long work in steps that the server answers within seconds, and says on standard error how far it is. When work that
 *  can be resumed is broken off, what to go on with is said, too. */
export async function stepwise(
  { err }: Surroundings,
  step: (after: string | undefined) => Promise<{ readonly next: string | undefined; readonly progress: string }>,
  resume?: {
    /** Where an earlier run was broken off. */
    readonly after: string | undefined;
  },
): Promise<void> {
  let after = resume?.after;
  for (let number = 0; number < stepsMax; number += 1) {
    let done: Awaited<ReturnType<typeof step>>;
    try {
      done = await step(after);
    } catch (error) {
      if (err.isTerminal && number > 0) err.write('\r\x1b[2K');
      if (resume !== undefined && after !== undefined)
        err.write(`Broken off; everything before is done. Go on with --after ${after}\n`);
      throw error;
    }
    const { next, progress } = done;
    if (err.isTerminal) err.write(next === undefined ? '\r\x1b[2K' : `\r\x1b[2K… ${progress}`);
    else if (next !== undefined) err.write(`${progress}\n`);
    if (next === undefined) return;
    after = next;
  }
  err.write(`Not at the end after ${stepsMax} steps.${resume === undefined ? '' : ` Go on with --after ${after}`}\n`);
}
