/** Routes whose mean is kept; the one that was learnt of first is forgotten for another. */
const routesMax = 4_096;
/** Weight of one answer in the mean: the last few dozen tell how long answers are. */
const answersRemembered = 32;
/** Of an answer whose length nobody knows yet. */
const usualOutputTokens = 500;

/** How long the answers of a route are: one number for all its candidates, so that it favours none. In this worker. */
export class ExpectedOutput {
  readonly #means = new Map<string, number>();

  /** Whole tokens, at most what the request allows. */
  of(route: string, outputTokensMax: number | undefined): number {
    const mean = Math.max(1, Math.round(this.#means.get(route) ?? usualOutputTokens));
    return outputTokensMax === undefined ? mean : Math.min(mean, outputTokensMax);
  }

  answered(route: string, outputTokens: number): void {
    const mean = this.#means.get(route);
    if (mean === undefined && this.#means.size >= routesMax) {
      this.#means.delete(this.#means.keys().next().value!); // It has as many as that.
    }
    this.#means.set(route, mean === undefined ? outputTokens : mean + (outputTokens - mean) / answersRemembered);
  }
}
