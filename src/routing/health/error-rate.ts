/** After so long an outcome weighs a third. */
export const errorDecayMs = 60_000;
/** With less weight nothing is known. */
const weightMin = 0.5;
/** As if so many answers had come before: one failure is not a failure rate of one. */
const priorAnswers = 4;

/** Share of attempts that failed by the deployment's own doing, decayed by time; parts per million. */
export class ErrorRate {
  #atMs = 0;
  #answers = 0;
  #failures = 0;

  note(atMs: number, failed: boolean): void {
    this.#decayTo(atMs);
    this.#answers += 1;
    if (failed) this.#failures += 1;
  }

  /** undefined when nothing is known. */
  ppm(atMs: number): number | undefined {
    this.#decayTo(atMs);
    if (this.#answers < weightMin) return undefined;
    return Math.round((this.#failures * 1_000_000) / (this.#answers + priorAnswers));
  }

  #decayTo(atMs: number): void {
    const passedMs = atMs - this.#atMs;
    if (passedMs <= 0) return;
    this.#atMs = atMs;
    const kept = Math.exp(-passedMs / errorDecayMs);
    this.#answers *= kept;
    this.#failures *= kept;
  }
}
