import { readFileSync } from 'node:fs';
import { EmbeddedPostgresError } from './failure.ts';

/** Postgres refuses to run as root, so root hands the server to `nobody`; everyone else runs it as themselves. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
  /** True when the server runs as somebody else than this process. */
  readonly separate: boolean;
  /** The account of this process, which peer authentication lets in. */
  readonly clientName: string;
}

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export function chooseServerUser(): ServerUser {
  const uid = process.geteuid?.() ?? 0;
  const gid = process.getegid?.() ?? 0;
  const accounts = readAccounts();
  const self = accounts.find(account => account.uid === uid);
  if (uid !== 0) {
    // An account of a directory service is not in the file; Postgres will find it by itself, and USER names it.
    const clientName = self?.name ?? process.env['USER'] ?? process.env['LOGNAME'];
    if (clientName === undefined) {
      throw new EmbeddedPostgresError(
        'server_user_missing',
        `User id ${uid} has no account name, which Postgres needs: add it to /etc/passwd, or set DATABASE_URL.`,
      );
    }
    return { uid, gid, separate: false, clientName };
  }
  const nobody = accounts.find(account => account.name === 'nobody');
  if (nobody === undefined || nobody.uid === 0) {
    throw new EmbeddedPostgresError(
      'server_user_missing',
      'Postgres refuses to run as root and there is no account `nobody`: create it, run as another user, or set DATABASE_URL.',
    );
  }
  return { uid: nobody.uid, gid: nobody.gid, separate: true, clientName: self?.name ?? 'root' };
}

function readAccounts(): readonly Account[] {
  let text: string;
  try {
    text = readFileSync('/etc/passwd', 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap(line => {
    const [name, , uid, gid] = line.split(':');
    if (name === undefined || uid === undefined || gid === undefined) return [];
    return [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}
