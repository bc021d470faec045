import type { Command } from 'commander';
import { drillPage } from './drill/drill-page.ts';
import { reportDrill } from './drill/drill-report.ts';
import { judge } from './drill/judge.ts';
import { planDrill, rateDefault, rateMax, rateMin, secondsDefault, secondsMax, secondsMin } from './drill/plan.ts';
import { runDrill } from './drill/run-drill.ts';
import { formatDrill, formatProgress } from './drill/show-drill.ts';
import { CommandFailure, exitCodes } from './outcome.ts';
import type { Surroundings } from './surroundings.ts';

/** `carrier drill`. `leaf` makes a command with --json. */
export function addDrill(
  program: Command,
  leaf: (parent: Command, words: string, description: string) => Command,
  surroundings: Surroundings,
): void {
  const { out, err } = surroundings;
  leaf(
    program,
    'drill',
    'Rehearse an outage on emulated providers with a gateway of its own, and report what clients noticed; touches nothing of yours',
  )
    .option(
      '--seconds <number>',
      `how long, ${secondsMin} to ${secondsMax}; starting takes some more`,
      String(secondsDefault),
    )
    .option('--rate <number>', `requests a second, ${rateMin} to ${rateMax}`, String(rateDefault))
    .option('--html <path>', 'also write the report as a page with plots')
    .action(async options => {
      const seconds = readWhole('--seconds', options.seconds, { min: secondsMin, max: secondsMax });
      const rate = readWhole('--rate', options.rate, { min: rateMin, max: rateMax });
      const plan = planDrill({ seconds, rate });
      // Before the work, not after it: a path that cannot be written is known at once.
      if (options.html !== undefined) surroundings.writeText(options.html, '');
      const observed = await untilInterrupted(signal => {
        tell('Starting three emulated providers and a gateway …');
        return runDrill(plan, { signal, onProgress: progress => tell(formatProgress(progress, seconds)) });
      });
      if (err.isTerminal) err.write('\r\x1b[2K');
      const report = reportDrill(plan, observed);
      const verdicts = judge(report);
      if (options.html !== undefined) surroundings.writeText(options.html, drillPage(report, verdicts));
      out.write(
        options.json
          ? `${JSON.stringify({ ...report, verdicts }, null, 2)}\n`
          : formatDrill(report, verdicts, out.isTerminal),
      );
      const broken = verdicts.filter(({ outcome }) => outcome === 'broken');
      if (broken.length === 0) return;
      const names = broken.map(({ name }) => name).join(', ');
      throw new CommandFailure(exitCodes.failedCheck, 'check_failed', `The drill failed: ${names}.`);
    });

  let told = '';
  /** On a terminal one line, written over; else a line for each phase. */
  function tell(line: string): void {
    if (err.isTerminal) {
      err.write(`\r\x1b[2K${line}`);
      return;
    }
    const words = line.replace(/^ *\d+ of \d+ s {2}/, '').replace(/ {2,}.*/, '');
    if (words !== told) err.write(`${words}\n`);
    told = words;
  }
}

/** Ctrl-C and the like end the work, which takes down what it started; then the command fails. */
async function untilInterrupted<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const interruption = new AbortController();
  const interrupt = () =>
    interruption.abort(
      new CommandFailure(
        exitCodes.failedCheck,
        'check_failed',
        'The drill was broken off; everything it started is removed.',
      ),
    );
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  try {
    return await work(interruption.signal);
  } catch (error) {
    // Waits and requests that an abort ends throw errors of their own.
    if (interruption.signal.aborted) throw interruption.signal.reason;
    throw error;
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}

function readWhole(flag: string, text: string, { min, max }: { readonly min: number; readonly max: number }): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new CommandFailure(
    exitCodes.usage,
    'usage',
    `${flag} must be a whole number from ${min} to ${max}, not ${text}`,
  );
}
