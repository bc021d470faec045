/** One thing wrong with a configuration. All of them are reported together, so that one round of corrections suffices. */
export interface Problem {
  /** Where: `deployments.gpt-5-us.provider`, `--port`, `CARRIER_PORT`. */
  readonly path: string;
  /** `setting_not_available` for what is known but not built (I10); everything else is `configuration_invalid`. */
  readonly code: 'configuration_invalid' | 'setting_not_available';
  readonly message: string;
  /** From 1, in the file that was read. */
  readonly line?: number;
  readonly column?: number;
}

/** Problems beyond this many are counted, not listed. */
export const problemsListedMax = 100;

export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly Problem[];

  /** `where` completes "2 problems in …". */
  constructor(problems: readonly Problem[], where: 'the configuration' | 'the request' = 'the configuration') {
    super(
      `${problems.length === 1 ? 'One problem' : `${problems.length} problems`} in ${where}:\n${describeProblems(problems)}`,
    );
    this.problems = problems;
  }
}

/** One line each, as compilers write them: `12:5 routes.smart: …`. */
export function describeProblems(problems: readonly Problem[]): string {
  const lines = problems.slice(0, problemsListedMax).map(problem => {
    const position = problem.line === undefined ? '' : `${problem.line}:${problem.column ?? 1} `;
    return `  ${position}${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`;
  });
  const more = problems.length - problemsListedMax;
  return [...lines, ...(more > 0 ? [`  … and ${more} more`] : [])].join('\n');
}
