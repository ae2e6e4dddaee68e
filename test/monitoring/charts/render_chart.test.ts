import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { builtFile } from '../../../src/built_file.ts';
import { ModelYardError } from '../../../src/errors.ts';
import { chartWidth, driftReportChart, renderChart } from '../../../src/monitoring/charts/index.ts';
import { decodePng } from './pixels.ts';
import { drifted, report, result } from './reports.ts';

const run = promisify(execFile);
const program = (name: string) => fileURLToPath(builtFile(`test/monitoring/charts/${name}.js`));
const chart = driftReportChart(report([result('a', drifted), result('b')]));

/** Runs a program in a process of its own. @returns the sources and packages of all that it loads */
async function sourcesLoadedBy(name: string): Promise<string[]> {
  const hooks = `
    import { writeSync } from 'node:fs';
    export async function load(url, context, next) { writeSync(1, url + '\\n'); return next(url, context); }`;
  const address = (source: string) => `data:text/javascript,${encodeURIComponent(source)}`;
  const register = `import { register } from 'node:module'; register(${JSON.stringify(address(hooks))});`;
  const { stdout } = await run(process.execPath, ['--import', address(register), program(name)]);
  const files = stdout.split('\n').filter((line) => line.startsWith('file:'));
  return files.flatMap((file) => {
    const map = new URL(`${file}.map`);
    return existsSync(map) ? sourcesOf(readFileSync(map, 'utf8')) : file;
  });
}

function sourcesOf(map: string): string[] {
  return z.object({ sources: z.array(z.string()) }).parse(JSON.parse(map)).sources;
}

const heavy = /node_modules\/(vega|@resvg|dejavu|d3-)/;

describe('renderChart', () => {
  it('draws in a thread, several at a time, always the same', async () => {
    const [one, other] = await Promise.all([renderChart(chart), renderChart(chart)]);
    expect(Buffer.isBuffer(one)).toBe(true);
    expect(decodePng(one).width).toBe(chartWidth);
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
    const { stdout } = await run(process.execPath, [program('draw'), JSON.stringify(chart)], {
      timeout: 50_000,
    });
    expect(Number(stdout)).toBeGreaterThan(1000);
  });
});

describe('a server that draws nothing', () => {
  it('does not load what draws', async () => {
    const loaded = await sourcesLoadedBy('describe');
    expect(loaded.some((source) => source.endsWith('src/monitoring/charts/drift_report.ts'))).toBe(true);
    expect(loaded.filter((source) => heavy.test(source))).toEqual([]);
  });

  it('would be seen to load it', async () => {
    const loaded = (await sourcesLoadedBy('open')).filter((source) => heavy.test(source));
    expect(loaded.some((source) => source.includes('/vega-lite/'))).toBe(true);
    expect(loaded.some((source) => source.includes('/@resvg/'))).toBe(true);
  });
});
