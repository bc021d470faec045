/** What a command ends with. Scripts rely on the numbers. */
export const exitCodes = { done: 0, failedCheck: 1, usage: 2, unreachable: 3, refused: 4 } as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends the command with a message on standard error. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: ExitCode;
  /** The stable code of the fault, for --json. */
  readonly code: string;
  /** What the server said, for --json. */
  readonly problem: unknown;

  constructor(exitCode: ExitCode, code: string, message: string, options: { cause?: unknown; problem?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = exitCode;
    this.code = code;
    this.problem = options.problem;
  }
}
