import type { Dialect } from '../dialects/dialect.ts';
import type { ReadRequest } from '../dialects/translate.ts';
import type { Deployment } from '../snapshot/load.ts';

/** Where a request goes, and the request in the middle where it is translated. */
export interface Addressee {
  readonly deployment: Deployment;
  readonly dialect: Dialect;
  readonly read: ReadRequest | undefined;
}
