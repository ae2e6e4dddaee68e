/** Waits between two looks at a condition that announces itself by no event, milliseconds. */
const pauseMs = 20;

/**
 * Looks until `probe` finds something (anything but undefined or false) and returns it.
 * @throws naming `what` when the deadline passes first.
 */
export async function until<Found>(
  what: string,
  probe: () => Promise<Found | undefined | false> | Found | undefined | false,
  deadlineMs = 15_000,
): Promise<Found> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
