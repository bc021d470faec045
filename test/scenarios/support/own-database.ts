import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

/** Imported from here only, for the order of teardown: see all-carriers.ts. */
export { createTestDatabase, type TestDatabase };
