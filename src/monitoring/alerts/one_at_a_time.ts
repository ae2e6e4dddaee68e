/** A job that is asked for again and again, and is never under way twice. */
export interface RepeatedJob<Given, Result> {
  /** Does it; does nothing when it is under way already. @returns undefined then, and when it failed. */
  run(given: Given): Promise<Result | undefined>;
  /** Resolves when it is not under way. */
  running(): Promise<void>;
}

/** @param onFailure hears of a failure, but not of those that follow it without a success between. */
export function oneAtATime<Given = void, Result = void>(
  job: (given: Given) => Promise<Result>,
  onFailure: (error: unknown) => void,
): RepeatedJob<Given, Result> {
  let underWay: Promise<Result | undefined> | undefined;
  let failing = false;
  const attempt = async (given: Given) => {
    try {
      const result = await job(given);
      failing = false;
      return result;
    } catch (error) {
      if (!failing) onFailure(error);
      failing = true;
      return undefined;
    } finally {
      underWay = undefined;
    }
  };
  return {
    async run(given) {
      if (underWay !== undefined) return undefined;
      underWay = attempt(given);
      return underWay;
    },
    async running() {
      await underWay;
    },
  };
}
