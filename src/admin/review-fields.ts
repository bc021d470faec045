import type { Caller } from '../access/caller.ts';
import type { ReviewedChange } from '../control/resource-control.ts';
import type { ManagedKind } from '../control/resource-documents.ts';
import { authoriseSubject } from './authorise.ts';
import { kindTable } from './resource-kinds.ts';

/** Some fields take a permission of their own: who may name a project need not be who may give it money. Looks at what
 *  really changes, whichever way it is written. `name` is that of the resource where it belongs to an organisation. */
export function reviewFields(kind: ManagedKind, caller: Caller, name = ''): (change: ReviewedChange) => void {
  const { create, fields: special, scope } = kindTable[kind];
  return ({ before, fields }) => {
    if (scope === 'installation') return;
    const [organisation = '', project] = name.split('/');
    const subject = { organisation, ...(project === undefined ? {} : { project }) };
    if (before === undefined) authoriseSubject(caller, create, subject);
    for (const field of fields) {
      const permission = special[field];
      if (permission !== undefined) authoriseSubject(caller, permission, subject);
    }
  };
}
