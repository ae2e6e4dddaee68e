import { builtFile } from '../../built_file.ts';
import { ModelYardError, messageOf } from '../../errors.ts';
import { openThreads } from '../../threads/index.ts';
import type { ChartSpec } from './theme.ts';

export type DrawingTasks = { draw: { input: ChartSpec; output: Uint8Array } };

/** An idle thread is kept for another chart for a minute, then its memory is released. */
const threads = openThreads<DrawingTasks>(builtFile('draw_thread.js'), { idleMs: 60_000 });

/**
 * Draws a chart as PNG, {@link chartWidth} pixels wide and as high as it needs. The same chart gives the same bytes on
 * every machine. The first call starts a thread and loads the packages that draw; a server without charts never loads
 * them.
 * @throws INTERNAL where the chart cannot be drawn, such as on a platform without resvg
 */
export async function renderChart(spec: ChartSpec): Promise<Buffer> {
  try {
    const { buffer, byteOffset, byteLength } = await threads.run('draw', spec);
    return Buffer.from(buffer, byteOffset, byteLength);
  } catch (error) {
    throw new ModelYardError(
      'INTERNAL',
      `The chart could not be drawn (${messageOf(error)}).`,
      'Its numbers do not depend on it: ask again without a chart.',
      { cause: error },
    );
  }
}
