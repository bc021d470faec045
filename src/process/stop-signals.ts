/** npm, a launcher and the terminal may all pass on the same Ctrl-C: what comes so soon is the same wish. */
const sameWishMs = 1_000;

/** Calls `stop` at the first SIGTERM, SIGINT or SIGHUP and `hurry` at the next one that is not an echo of it. */
export function onStopSignal(stop: (signal: NodeJS.Signals) => void, hurry: () => void): void {
  let stoppedAtMs: number | undefined;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const nowMs = performance.now();
      if (stoppedAtMs === undefined) {
        stoppedAtMs = nowMs;
        stop(signal);
      } else if (nowMs - stoppedAtMs > sameWishMs) hurry();
    });
  }
}
