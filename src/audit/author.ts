/** Who changes something, and by which request. */
export interface Author {
  /** `admin-key`, `user:<id>`, `service-account:<id>` or `system:<what>`. */
  readonly actor: string;
  readonly requestId?: string | undefined;
  /** Where the request came from. */
  readonly address?: string | undefined;
}
