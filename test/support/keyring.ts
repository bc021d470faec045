import { join } from 'node:path';
import { Keyring } from '../../src/control/keyring.ts';
import { masterKeyPlace } from '../../src/control/secret-files.ts';
import { testMasterKey } from './control.ts';

/** The keyring of a replica with a given master key, not loaded yet. */
export function testKeyring(
  dataDirectory: string,
  { masterKey = testMasterKey, replica = 'replica-1' }: { readonly masterKey?: string; readonly replica?: string } = {},
): Keyring {
  const place = masterKeyPlace(dataDirectory, masterKey);
  return new Keyring({ place, path: join(dataDirectory, 'keyring.json'), replica });
}
