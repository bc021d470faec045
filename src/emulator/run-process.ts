import { type Emulator, type EmulatorOptions, startEmulator } from './emulator.ts';

/** Runs an emulator as the work of this process, for `carrier emulate` and for the supervisor's sandbox child. Tells a
 *  parent with an IPC channel `{ type: 'ready', url }`; ends on SIGTERM, on SIGINT unless a parent rules it, and when
 *  the parent is gone. Resolves once everything is closed. */
export async function runEmulatorProcess(
  options: EmulatorOptions,
  started: (emulator: Emulator) => void = () => {},
): Promise<void> {
  const emulator = await startEmulator(options);
  const ended = new Promise<void>(resolve => {
    process.once('SIGTERM', resolve);
    if (process.send === undefined) {
      process.once('SIGINT', resolve);
    } else {
      // A terminal's Ctrl-C reaches the whole group; the parent decides when its children stop.
      process.on('SIGINT', () => {});
      process.once('disconnect', resolve);
    }
  });
  process.send?.({ type: 'ready', url: emulator.url });
  started(emulator);
  await ended;
  await emulator.stop();
  if (process.connected) process.disconnect();
}
