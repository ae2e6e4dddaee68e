/** A job that is requested repeatedly and never runs twice at once. */
export interface RepeatedJob<Given, Result> {
  /** Runs the job unless it is running already. @returns undefined when it was running, and when it failed. */
  run(given: Given): Promise<Result | undefined>;
  /** Resolves when the job is not running. */
  running(): Promise<void>;
}

/** @param onFailure called for the first of several failures in a row. */
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
