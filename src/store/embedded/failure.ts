/** Why the embedded server cannot run here, in words that tell the operator what to do next. */
export type EmbeddedPostgresFailure =
  | 'platform_unsupported'
  | 'binaries_missing'
  | 'binaries_broken'
  | 'server_user_missing'
  | 'server_user_refused'
  | 'directory_unusable'
  | 'directory_copied'
  | 'already_running'
  | 'initialisation_failed'
  | 'start_failed'
  | 'start_timeout'
  | 'leftover_unstoppable';

export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
  readonly code: EmbeddedPostgresFailure;

  constructor(code: EmbeddedPostgresFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
