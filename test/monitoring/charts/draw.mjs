// Draws the chart that it is given, in a thread, and prints the size of the picture.
import { renderChart } from '../../../src/monitoring/charts/index.ts';

const png = await renderChart(JSON.parse(process.argv[2]));
process.stdout.write(`${png.length}\n`);
