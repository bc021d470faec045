interface Question {
  readonly rank: () => number;
  readonly ask: () => void;
}

/** Asks at most so many questions at once. Of those that wait, the one of the lowest rank comes next, and of these the first:
 *  ranks are looked at when a place is free, since what is needed may have changed. */
export class InTurn {
  readonly #max: number;
  readonly #waiting: Question[] = [];
  #open = 0;

  constructor(max: number) {
    this.#max = max;
  }

  async run<Answer>(rank: () => number, ask: () => Promise<Answer>): Promise<Answer> {
    if (this.#open >= this.#max) await new Promise<void>(resolve => this.#waiting.push({ rank, ask: resolve }));
    else this.#open += 1;
    try {
      return await ask();
    } finally {
      this.#next();
    }
  }

  /** The place goes over to whoever is next, or comes free. */
  #next(): void {
    let next = -1;
    let lowest = Number.POSITIVE_INFINITY;
    this.#waiting.forEach((question, index) => {
      const rank = question.rank();
      if (rank >= lowest) return;
      lowest = rank;
      next = index;
    });
    if (next === -1) this.#open -= 1;
    else this.#waiting.splice(next, 1)[0]!.ask();
  }
}
