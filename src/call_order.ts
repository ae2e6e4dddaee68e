/**
 * The order of one client's pipelined calls. A client (or `modelyard < requests.jsonl`) may send a call before
 * the one before it is answered. Changes of one model are made in the order in which they came in; a call that
 * looks or predicts does not wait, unless it fails for want of something that a change before it is about to
 * make: then it is tried again after that change.
 */
export interface CallOrder {
  /** Runs `change` after all changes of the model that came in before; it looks for itself whether it is still wanted. */
  change<T>(modelId: string, change: () => Promise<T>): Promise<T>;
  /** Runs `use`; when it fails and `isMissing` says so, runs it again once the changes before it are made. */
  use<T>(modelId: string, use: () => Promise<T>, isMissing: (error: unknown) => boolean): Promise<T>;
}

export function callOrder(): CallOrder {
  const lastChange = new Map<string, Promise<unknown>>();
  return {
    change(modelId, change) {
      const before = lastChange.get(modelId) ?? Promise.resolve();
      const made = before.then(change, change);
      lastChange.set(modelId, made);
      const forget = () => {
        if (lastChange.get(modelId) === made) lastChange.delete(modelId);
      };
      made.then(forget, forget);
      return made;
    },
    use(modelId, use, isMissing) {
      const before = lastChange.get(modelId);
      return before === undefined ? use() : useAfter(before, use, isMissing);
    },
  };
}

async function useAfter<T>(
  before: Promise<unknown>,
  use: () => Promise<T>,
  isMissing: (error: unknown) => boolean,
): Promise<T> {
  try {
    return await use();
  } catch (error) {
    if (!isMissing(error)) throw error;
    await before.catch(() => undefined);
    return use();
  }
}
