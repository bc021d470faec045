/** Why a start was refused, with the exit code of the command line: 1 failed check, 2 usage, 4 refused. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure';
  readonly code:
    | 'already_running'
    | 'port_in_use'
    | 'address_unusable'
    | 'runtime_directory_unsafe'
    | 'data_directory_unusable'
    | 'database_unavailable'
    | 'worker_failed'
    | 'configuration_invalid';
  readonly exitCode: 1 | 2 | 4;

  constructor(code: StartFailure['code'], message: string, options: { exitCode?: 1 | 2 | 4; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.exitCode = options.exitCode ?? 4;
  }
}
