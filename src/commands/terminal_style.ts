/** A terminal that says no size. */
const usualWidth = 80;

/** Columns of the terminal that a stream writes to; undefined where it is none. */
export function widthOf(stream: NodeJS.WriteStream): number | undefined {
  if (!stream.isTTY) return undefined;
  return stream.columns > 0 ? stream.columns : usualWidth;
}

/** A heading: bold on a terminal, unless NO_COLOR or a terminal that knows no styles forbids it. */
export function head(stream: NodeJS.WriteStream, text: string): string {
  const { NO_COLOR: noColor = '', TERM: terminal } = process.env;
  const isPlain = !stream.isTTY || noColor !== '' || terminal === 'dumb';
  return isPlain ? text : `\u001b[1m${text}\u001b[22m`;
}
