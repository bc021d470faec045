import { mkdirSync, writeFileSync } from 'node:fs';
import { permissionsPage } from '../src/access/permissions-page.ts';
import { referencePages } from '../src/cli/reference.ts';
import { readingsPage } from '../src/metering/reference.ts';
import { dialectsPage } from './dialects-page.ts';

// `npm run docs`: writes the generated pages of docs/reference/.
const directory = new URL('./reference/', import.meta.url);
mkdirSync(directory, { recursive: true });
const pages = [
  ...referencePages(),
  ['readings.md', readingsPage()] as const,
  ['permissions.md', permissionsPage()] as const,
  ['dialects.md', dialectsPage()] as const,
];
for (const [name, text] of pages) writeFileSync(new URL(name, directory), text);
