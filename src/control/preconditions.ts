import { Fault } from '../completion/fault.ts';
import { etagOf } from './resource-documents.ts';
import type { Resource } from './resources.ts';

/** What a request says must be so, or else nothing is done (RFC 9110, 13.1). */
export interface Preconditions {
  /** Entity tags of which one must be the resource's; `*`: it must be there. */
  readonly ifMatch?: string | undefined;
  /** Entity tags of which none may be the resource's; `*`: it must not be there. */
  readonly ifNoneMatch?: string | undefined;
}

/** Throws Fault('precondition_failed'). */
export function checkPreconditions(resource: Resource | undefined, { ifMatch, ifNoneMatch }: Preconditions): void {
  const etag = resource === undefined ? undefined : etagOf(resource);
  if (ifMatch !== undefined && !matches(ifMatch, etag, 'strong')) {
    const now = etag === undefined ? 'It is not there.' : `It is ${etag} by now.`;
    throw new Fault('precondition_failed', `If-Match does not hold. ${now}`);
  }
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, etag, 'weak')) {
    throw new Fault('precondition_failed', `If-None-Match does not hold: it is there, as ${etag}.`);
  }
}

/** Does the header name the tag? Weak tags match nothing where a strong one is needed. */
export function matches(header: string, etag: string | undefined, comparison: 'strong' | 'weak'): boolean {
  if (etag === undefined) return false;
  return header.split(',').some(one => {
    const tag = one.trim();
    return tag === '*' || tag === etag || (comparison === 'weak' && tag === `W/${etag}`);
  });
}
