/** Calls back once after so many milliseconds, or not before what has arrived by then was read: in a loop that was busy,
 *  timers come before the answers that they wait for. Returns how to cancel it. */
export function after(ms: number, run: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    immediate = setImmediate(run);
  }, ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
