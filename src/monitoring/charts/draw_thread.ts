/**
 * A worker thread that turns charts into PNG, one at a time: vega takes tens of milliseconds for one, and 0.3 s to
 * load, which the thread that answers calls does not have.
 */
import { parentPort } from 'node:worker_threads';
import { messageOf } from '../../errors.ts';
import { openStudio } from './drawing.ts';
import type { DrawAnswer, DrawRequest } from './render_chart.ts';

const opened = openStudio();
// A failure is told to whoever asks for a chart.
opened.catch(() => undefined);
let last: Promise<void> = Promise.resolve();

parentPort?.on('message', (request: DrawRequest) => {
  last = last.then(async () => parentPort?.postMessage(await answerTo(request)));
});

async function answerTo({ id, spec }: DrawRequest): Promise<DrawAnswer> {
  try {
    const studio = await opened;
    const { svg } = await studio.draw(spec);
    return { id, png: studio.toPng(svg) };
  } catch (error) {
    return { id, failure: messageOf(error) };
  }
}
