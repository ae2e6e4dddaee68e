import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ModelYardError } from '../../../src/errors.ts';
import { CHART_WIDTH, driftReportChart, renderChart } from '../../../src/monitoring/charts/index.ts';
import { decodePng } from './pixels.ts';
import { drifted, report, result } from './reports.ts';

const run = promisify(execFile);
const built = (file: string) => new URL(`../../../dist/src/monitoring/charts/${file}`, import.meta.url).href;
const chart = driftReportChart(report([result('a', drifted), result('b')]));

/** Runs a script in a process of its own, which writes the address of every module that it loads. */
async function modulesLoadedBy(script: string): Promise<string[]> {
  const hooks = `
    import { writeSync } from 'node:fs';
    export async function load(url, context, next) { writeSync(1, url + '\\n'); return next(url, context); }`;
  const address = (source: string) => `data:text/javascript,${encodeURIComponent(source)}`;
  const register = `import { register } from 'node:module'; register(${JSON.stringify(address(hooks))});`;
  const { stdout } = await run(process.execPath, [
    '--import',
    address(register),
    '--input-type=module',
    '--eval',
    script,
  ]);
  return stdout.split('\n').filter((line) => line.startsWith('file:'));
}

const heavy = /node_modules\/(vega|@resvg|dejavu|d3-)/;

describe('renderChart', () => {
  it('draws in a thread, several at a time, always the same', async () => {
    const [one, other] = await Promise.all([renderChart(chart), renderChart(chart)]);
    expect(Buffer.isBuffer(one)).toBe(true);
    expect(decodePng(one).width).toBe(CHART_WIDTH);
    expect(one.equals(other)).toBe(true);
  });

  it('says what is wrong with a chart, and draws the next', async () => {
    const broken = renderChart({
      mark: 'bar',
      data: { name: 'x' },
      transform: [{ filter: 'nonsense(' }],
      encoding: {},
    });
    await expect(broken).rejects.toThrow(ModelYardError);
    await expect(broken).rejects.toMatchObject({ code: 'INTERNAL', message: /could not be drawn \(.+\)/ });
    expect((await renderChart(chart)).length).toBeGreaterThan(1000);
  });

  it('does not keep a process that has nothing else to do', async () => {
    const script = `
      import { renderChart } from ${JSON.stringify(built('index.js'))};
      const png = await renderChart(${JSON.stringify(chart)});
      console.log(png.length);`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], {
      timeout: 50_000,
    });
    expect(Number(stdout)).toBeGreaterThan(1000);
  });
});

describe('a server that draws nothing', () => {
  it('does not load what draws', async () => {
    const script = `
      import { driftReportChart, renderChart } from ${JSON.stringify(built('index.js'))};
      driftReportChart({ model_id: 'm', version: '1', reference_n: 1, current_n: 1, is_drift: false, results: [], histograms: new Map() });`;
    const loaded = await modulesLoadedBy(script);
    expect(loaded.map((url) => fileURLToPath(url))).toContain(fileURLToPath(built('drift_report.js')));
    expect(loaded.filter((url) => heavy.test(url))).toEqual([]);
  });

  it('would be seen to load it', async () => {
    const script = `
      import { openStudio } from ${JSON.stringify(built('drawing.js'))};
      await openStudio();`;
    const loaded = (await modulesLoadedBy(script)).filter((url) => heavy.test(url));
    expect(loaded.some((url) => url.includes('/vega-lite/'))).toBe(true);
    expect(loaded.some((url) => url.includes('/@resvg/'))).toBe(true);
  });
});
