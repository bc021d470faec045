import { mkdirSync, writeFileSync } from 'node:fs';
import { referencePages } from '../src/cli/reference.ts';
import { dialectsPage } from './dialects-page.ts';

// `npm run docs`: writes the generated pages of docs/reference/.
const directory = new URL('./reference/', import.meta.url);
mkdirSync(directory, { recursive: true });
for (const [name, text] of referencePages()) writeFileSync(new URL(name, directory), text);
writeFileSync(new URL('dialects.md', directory), dialectsPage());
