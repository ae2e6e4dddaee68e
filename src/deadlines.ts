/** Something that must be over at a time. */
export interface Timed {
  /** By performance.now(); infinite once it has no limit any more. */
  dueAt: number;
}

/** The limits of calls, by one timer for all: one a call would take longer than most of what a small call needs. */
export interface Deadlines<Call extends Timed> {
  /** One that has left may come again when its time was up only. */
  add(call: Call): void;
  /** It is over, or its limit does not apply any more; nothing for one that has none. */
  leave(call: Call): void;
}

/** A timer may come so much early, milliseconds. */
const inaccuracyMs = 1;

/**
 * While there are calls, their timer keeps the process.
 * @param timeIsUp told of each call whose time has come, which has left by then and may be added again
 */
export function createDeadlines<Call extends Timed>(timeIsUp: (call: Call) => void): Deadlines<Call> {
  /** Those that have left stay until they are first, or most. */
  let calls: Call[] = [];
  let open = 0;
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Number.POSITIVE_INFINITY;

  const setTimer = (dueAt: number) => {
    if (dueAt >= timerAt) return;
    clearTimeout(timer);
    timerAt = dueAt;
    timer = setTimeout(look, Math.max(0, dueAt - performance.now()));
  };

  const look = () => {
    timer = undefined;
    timerAt = Number.POSITIVE_INFINITY;
    const now = performance.now() + inaccuracyMs;
    const due = calls.filter(({ dueAt }) => dueAt <= now);
    for (const call of due) leave(call);
    calls = calls.filter(isTimed);
    for (const call of due) timeIsUp(call);
    if (open > 0)
      setTimer(calls.reduce((first, { dueAt }) => Math.min(first, dueAt), Number.POSITIVE_INFINITY));
  };

  const leave = (call: Call) => {
    if (!isTimed(call)) return;
    call.dueAt = Number.POSITIVE_INFINITY;
    open -= 1;
    if (open > 0) return;
    calls = [];
    timer?.unref();
  };

  return {
    leave,
    add(call) {
      while (calls[0] !== undefined && !isTimed(calls[0])) calls.shift();
      if (calls.length > 64 + 2 * open) calls = calls.filter(isTimed);
      calls.push(call);
      open += 1;
      if (open === 1) timer?.ref();
      setTimer(call.dueAt);
    },
  };
}

function isTimed({ dueAt }: Timed): boolean {
  return dueAt !== Number.POSITIVE_INFINITY;
}
