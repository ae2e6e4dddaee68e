/** How long nothing may have been under way until no more is expected, milliseconds: between two calls of a busy client is a pause. */
const quietMs = 1000;
const lookEveryMs = 50;

/** The requests of a server that have not been answered. */
export interface UnderWay {
  begin(): void;
  end(): void;
  /** Resolves when nothing has been under way for a while, or `mostMs` have passed. */
  untilQuiet(mostMs: number): Promise<void>;
}

/** @param now milliseconds that never go back */
export function underWay(now: () => number): UnderWay {
  let count = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  return {
    begin() {
      count += 1;
      lastAt = now();
    },
    end() {
      count -= 1;
      lastAt = now();
    },
    untilQuiet: (mostMs) =>
      new Promise((resolve) => {
        const end = now() + mostMs;
        const look = () => {
          const isQuiet = count === 0 && now() - lastAt >= quietMs;
          if (isQuiet || now() >= end) resolve();
          else setTimeout(look, lookEveryMs);
        };
        look();
      }),
  };
}
