import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Parsed and compiled code is kept between runs: half of a short command's time otherwise goes into it.
enableCompileCache();

const entryPath = fileURLToPath(import.meta.url);
const [role, ...words] = process.argv.slice(2);
const asks = words.find(word => word === '--help' || word === '-h' || word === '--version');

// Each way in loads only its own rooms: a worker never sees database code, a command no gateway.
switch (role) {
  case 'serve':
  case 'start': {
    if (asks !== undefined) {
      await answerCommand(asks === '--version' ? [asks] : [role, asks]);
      break;
    }
    const { runServe } = await import('./process/serve.ts');
    await runServe({ command: role, words, entryPath });
    break;
  }
  case 'worker': {
    const { runWorker } = await import('./process/worker.ts');
    await runWorker();
    break;
  }
  case 'sandbox': {
    const { runSandbox } = await import('./process/sandbox-process.ts');
    await runSandbox(words[0] ?? '');
    break;
  }
  default: {
    await answerCommand(process.argv.slice(2));
  }
}

async function answerCommand(spoken: readonly string[]): Promise<void> {
  const { runCommand } = await import('./cli/command.ts');
  await runCommand(spoken);
}
