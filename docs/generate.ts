import { mkdirSync, writeFileSync } from 'node:fs';
import { referencePages } from '../src/cli/reference.ts';

// `npm run docs`: writes the generated pages of docs/reference/.
const directory = new URL('./reference/', import.meta.url);
mkdirSync(directory, { recursive: true });
for (const [name, text] of referencePages()) writeFileSync(new URL(name, directory), text);
