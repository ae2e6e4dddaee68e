const cells = 24;

/** How far a call is, on one line: `[======      ]  25 %  message`; without a bar where it is not known how much there is. */
export function progressBar(done: number, total: number, message: string): string {
  if (!(total > 0)) return message;
  const share = Math.min(1, Math.max(0, done / total));
  const full = Math.round(share * cells);
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `[${'='.repeat(full)}${' '.repeat(cells - full)}] ${percent} %  ${message}`;
}
