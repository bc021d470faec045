import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

let context: SecureContext | undefined;

/** The runtime's own authorities, those of NODE_EXTRA_CA_CERTS, and those of the system; made once, since reading them
 *  takes tens of milliseconds. */
export function trustedContext(): SecureContext {
  context ??= createSecureContext({
    ca: [...new Set([...getCACertificates('default'), ...getCACertificates('system')])],
  });
  return context;
}
