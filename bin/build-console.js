// Builds the console where its sources changed.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureConsole } from './console.js';

await ensureConsole(dirname(dirname(fileURLToPath(import.meta.url))), process.execPath);
