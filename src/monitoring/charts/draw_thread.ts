/**
 * A thread that turns charts into PNG, so as not to block the thread that answers calls: vega takes tens of milliseconds
 * a chart, and 0.3 s to load.
 */
import { serveTasks } from '../../threads/serve_tasks.ts';
import { openStudio } from './drawing.ts';
import type { DrawingTasks } from './render_chart.ts';

const opened = openStudio();
// A failure is reported to the callers that ask for a chart.
opened.catch(() => undefined);

serveTasks<DrawingTasks>({
  async draw(spec) {
    const studio = await opened;
    const { svg } = await studio.draw(spec);
    return studio.toPng(svg);
  },
});
