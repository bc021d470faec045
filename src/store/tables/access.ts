import type { ColumnType, Generated } from 'kysely';

/** Tables of migration 0014. */
export interface AccessTables {
  access_user: AccessUserTable;
  access_recovery_code: AccessRecoveryCodeTable;
  access_service_account: AccessServiceAccountTable;
  access_token: AccessTokenTable;
  access_membership: AccessMembershipTable;
  access_invitation: AccessInvitationTable;
  access_session: AccessSessionTable;
  access_key_session: AccessKeySessionTable;
  access_throttle: AccessThrottleTable;
  access_oidc_login: AccessOidcLoginTable;
}

/** Postgres sorts and removes in it; we write it whole. */
type Names = ColumnType<string[], string[] | undefined, string[]>;

export interface AccessUserTable {
  readonly id: string;
  readonly email: string | null;
  readonly name: string;
  readonly state: Generated<string>;
  readonly password_hash: string | null;
  readonly password_at: Date | null;
  readonly totp_sealed: string | null;
  readonly totp_step: Generated<bigint>;
  readonly issuer: string | null;
  readonly subject: string | null;
  readonly groups: Names;
  readonly created_at: Generated<Date>;
}

export interface AccessRecoveryCodeTable {
  readonly user_id: string;
  readonly digest: string;
}

export interface AccessServiceAccountTable {
  readonly id: string;
  readonly name: string;
  readonly organisation: string | null;
  readonly state: Generated<string>;
  readonly created_at: Generated<Date>;
}

export interface AccessTokenTable {
  readonly id: string;
  readonly digest: string;
  readonly service_account: string;
  readonly created_at: Generated<Date>;
  readonly expires_at: Date;
  readonly revoked_at: Date | null;
  readonly used_at: Date | null;
}

/** Where a role holds, as memberships and invitations keep it. */
export interface GrantColumns {
  readonly role: string;
  readonly place: string;
  readonly organisation: string | null;
  readonly projects: string[] | null;
  readonly providers: string[] | null;
}

export interface AccessMembershipTable extends GrantColumns {
  readonly id: string;
  readonly user_id: string | null;
  readonly service_account: string | null;
  readonly granted_by: string;
  readonly created_at: Generated<Date>;
}

export interface AccessInvitationTable extends Omit<GrantColumns, 'role' | 'place'> {
  readonly id: string;
  readonly digest: string;
  readonly purpose: string;
  readonly email: string;
  readonly role: string | null;
  readonly place: string | null;
  readonly invited_by: string;
  readonly created_at: Generated<Date>;
  readonly expires_at: Date;
  readonly used_at: Date | null;
  readonly revoked_at: Date | null;
}

export interface AccessSessionTable {
  readonly id: string;
  readonly digest: string;
  readonly user_id: string;
  readonly way: string;
  readonly issuer: string | null;
  readonly groups: Names;
  readonly address: string;
  readonly agent: string;
  readonly created_at: Date;
  readonly used_at: Date;
  readonly expires_at: Date;
  readonly ended_at: Date | null;
}

export interface AccessKeySessionTable {
  readonly id: string;
  readonly digest: string;
  readonly key_digest: string;
  readonly address: string;
  readonly agent: string;
  readonly created_at: Date;
  readonly used_at: Date;
  readonly expires_at: Date;
  readonly ended_at: Date | null;
}

export interface AccessThrottleTable {
  readonly subject: string;
  readonly since: Date;
  readonly failures: number;
}

export interface AccessOidcLoginTable {
  readonly state: string;
  readonly browser: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly return_to: string;
  readonly expires_at: Date;
}
