import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ConfigurationError, type Problem } from '../config/problem.ts';

/** Reads certificate and key as a listener will, so that a wrong one is said before anything starts. Throws
 *  ConfigurationError. */
export function checkTlsFiles(tls: { readonly certificatePath: string; readonly keyPath: string }): void {
  const problems: Problem[] = [];
  const read = (setting: string, path: string): Buffer | undefined => {
    try {
      return readFileSync(path);
    } catch (error) {
      problems.push(problem(setting, `${path} cannot be read: ${(error as Error).message}`));
      return undefined;
    }
  };
  const cert = read('CARRIER_TLS_CERT', tls.certificatePath);
  const key = read('CARRIER_TLS_KEY', tls.keyPath);
  if (cert !== undefined && key !== undefined) {
    try {
      createSecureContext({ cert, key });
    } catch (error) {
      const names = `${tls.certificatePath} and ${tls.keyPath}`;
      problems.push(problem('CARRIER_TLS_CERT', `${names} are no usable pair: ${(error as Error).message}`));
    }
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
}

function problem(path: string, message: string): Problem {
  return { path, code: 'configuration_invalid', message };
}
