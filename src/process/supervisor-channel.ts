import type { ToSupervisor, ToWorker } from './messages.ts';

/** The worker's end of the channel to its supervisor. */
export interface SupervisorChannel {
  send(message: ToSupervisor): void;
  /** The next message alone; those behind it wait for a receiver. */
  receiveOne(receiver: (message: ToWorker) => void): void;
  /** All messages from now on, those that waited first, in order. */
  receive(receiver: (message: ToWorker) => void): void;
  /** Lets the process end although the channel is open. */
  close(): void;
}

/** A worker without its supervisor has nobody who ships its journal: it ends at once, and the next supervisor settles
 *  what it had begun. */
export function openSupervisorChannel(): SupervisorChannel {
  if (process.send === undefined) throw new Error('a worker is started by its supervisor');
  const waiting: ToWorker[] = [];
  let receiver: ((message: ToWorker) => void) | undefined;
  let onlyOne = false;
  const deliver = () => {
    while (receiver !== undefined && waiting.length > 0) {
      const receive = receiver;
      if (onlyOne) receiver = undefined;
      receive(waiting.shift()!);
    }
  };
  process.on('message', message => {
    // The cast is true: both sides are of the same release and the channel is theirs alone.
    waiting.push(message as ToWorker);
    deliver();
  });
  process.on('disconnect', () => process.exit(0));
  return {
    send: message => {
      if (process.connected) process.send?.(message, undefined, undefined, () => {});
    },
    receiveOne: next => {
      receiver = next;
      onlyOne = true;
      deliver();
    },
    receive: next => {
      receiver = next;
      onlyOne = false;
      deliver();
    },
    close: () => {
      process.removeAllListeners('disconnect');
      process.disconnect?.();
    },
  };
}
