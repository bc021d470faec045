import { startEmulator } from '../emulator/emulator.ts';

/** The sandbox's process: emulated providers on a unix socket, until the supervisor is gone. It records nothing. */
export async function runSandbox(socketPath: string): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.on('disconnect', () => process.exit(0));
  await startEmulator({ socketPath, record: false, control: false });
  process.send?.({ type: 'ready' });
}
