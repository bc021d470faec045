import type { Migration } from '../migration.ts';

/** Keys that sign keep their secrets: the database takes them in no form but sealed. */
export const migration0017: Migration = {
  number: 17,
  name: 'signing-keys',
  requires: 1,
  sql: `
alter table configuration_resource add constraint configuration_resource_key_secrets_sealed check (
  kind <> 'key'
  or not jsonb_path_exists(
    document,
    '$.**.secretSealed ? (!(@.type() == "string" && @ like_regex "^v[12][.][0-9a-zA-Z_.-]+$"))'
  )
);
`,
};
