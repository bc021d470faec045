/** What one check of `carrier doctor` found. */
export interface Finding {
  readonly check: string;
  /** `warn` works today and may not tomorrow; `fail` does not work. */
  readonly outcome: 'ok' | 'warn' | 'fail';
  readonly found: string;
  /** What to do; absent when there is nothing to do. */
  readonly advice?: string;
}

export const ok = (check: string, found: string): Finding => ({ check, outcome: 'ok', found });
export const warn = (check: string, found: string, advice: string): Finding => ({
  check,
  outcome: 'warn',
  found,
  advice,
});
export const fail = (check: string, found: string, advice: string): Finding => ({
  check,
  outcome: 'fail',
  found,
  advice,
});

const colours = { ok: 32, warn: 33, fail: 31 } as const;

export function formatFindings(findings: readonly Finding[], isTerminal: boolean): string {
  const width = Math.max(...findings.map(finding => finding.check.length));
  const lines = findings.flatMap(({ check, outcome, found, advice }) => {
    const mark = outcome.padEnd(4);
    const shown = isTerminal ? `\x1b[${colours[outcome]}m${mark}\x1b[39m` : mark;
    const line = `${shown}  ${check.padEnd(width)}  ${found}`;
    return advice === undefined ? [line] : [line, `${' '.repeat(width + 8)}${advice}`];
  });
  return `${lines.join('\n')}\n`;
}
