/** One forward step of the schema. Once released, its text never changes: the checksum is compared at every start.
 *  Rules for rolling upgrades: docs/decisions/0010-rolling-upgrades.md */
export interface Migration {
  /** From 1, ascending; a gap is a number that no release used. */
  readonly number: number;
  readonly name: string;
  /** The newest migration that a release must at least know to run on a database that has this one. An expanding
   *  migration (new tables, new nullable columns, new indexes) leaves this at what it was; a contracting one (something
   *  dropped or narrowed) raises it to the expanding migration that made its subject unneeded. */
  readonly requires: number;
  /** Statements, run in one transaction. */
  readonly sql: string;
}
