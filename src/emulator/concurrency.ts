/** How many answers of a model are under way at once, and how many were at most: what a concurrency limit must hold. */
export interface Concurrency {
  /** Returns what to call once, when the answer is over. */
  enter(model: string): () => void;
  /** By model. */
  peaks(): Record<string, number>;
  forget(): void;
}

/** Names beyond this many are counted together, as the empty name. */
const modelsMax = 1_000;

export function createConcurrency(): Concurrency {
  const counts = new Map<string, { open: number; peak: number }>();

  return {
    enter(model) {
      const name = counts.has(model) || counts.size < modelsMax ? model : '';
      const count = counts.get(name) ?? { open: 0, peak: 0 };
      counts.set(name, count);
      count.open += 1;
      count.peak = Math.max(count.peak, count.open);
      return () => {
        count.open -= 1;
      };
    },
    peaks: () => Object.fromEntries([...counts].map(([model, count]) => [model, count.peak])),
    forget() {
      for (const [model, count] of counts) {
        count.peak = count.open;
        if (count.open === 0) counts.delete(model);
      }
    },
  };
}
