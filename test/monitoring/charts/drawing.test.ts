import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import { openStudio, type Studio } from '../../../src/monitoring/charts/drawing.ts';
import { readFont } from '../../../src/monitoring/charts/font.ts';
import {
  type ChartSpec,
  chartWidth,
  classificationChart,
  driftOverTimeChart,
  driftReportChart,
  performanceOverTimeChart,
  regressionChart,
} from '../../../src/monitoring/charts/index.ts';
import { decodePng, differingPixels } from './pixels.ts';
import { drifted, oddNames, report, result, subject } from './reports.ts';

const hourMs = 3_600_000;
const labels = Array.from({ length: 30 }, (_, index) => `a class with a rather long name, number ${index}`);

/** Each kind of chart with every odd name, with next to nothing, and with nothing. */
const charts: [name: string, chart: ChartSpec][] = [
  ['drift', driftReportChart(report(oddNames.map((name) => result(name, drifted))))],
  [
    'drift of models with long names',
    driftReportChart({ ...report([result('x')]), model_id: 'm'.repeat(128), version: 'v'.repeat(128) }),
  ],
  ['drift of one feature', driftReportChart(report([result('x')]))],
  ['drift of none', driftReportChart(report([]))],
  [
    'drift over time',
    driftOverTimeChart({
      ...subject,
      measure: 'PSI',
      bucket_ms: hourMs,
      features: oddNames.map((feature, index) => ({
        feature,
        threshold: 0.2,
        buckets: [0.1, null, 0.3].map((score, hour) => ({
          at: hour * hourMs,
          score: score === null ? null : score + index / 100,
          is_drift: hour === 2,
        })),
      })),
    }),
  ],
  ['drift over no time', driftOverTimeChart({ ...subject, measure: 'PSI', bucket_ms: hourMs, features: [] })],
  [
    'performance over time',
    performanceOverTimeChart({
      ...subject,
      metric: 'RMSE',
      higher_is_better: false,
      bucket_ms: hourMs,
      baseline: 1,
      lines: oddNames.slice(0, 2).map((name) => ({
        name,
        values: [
          { at: 0, value: 1, low: 0.9, high: 1.1 },
          { at: hourMs, value: 1 },
        ],
      })),
    }),
  ],
  [
    'classification',
    classificationChart({
      ...subject,
      rows: 30,
      metrics: [{ name: '<accuracy>', value: 1 }],
      calibration: [{ from: 0, to: 1, count: 1, mean_predicted: 0.5, observed: 1, low: 0.2, high: 1 }],
      confusion: { labels, counts: labels.map((_, actual) => labels.map((__, other) => actual * other)) },
    }),
  ],
  [
    'confusion of odd names',
    classificationChart({
      ...subject,
      rows: 0,
      metrics: [],
      confusion: { labels: oddNames, counts: oddNames.map(() => oddNames.map(() => 0)) },
    }),
  ],
  [
    'confusion of nothing',
    classificationChart({
      ...subject,
      rows: 0,
      metrics: [],
      calibration: [],
      confusion: { labels: [], counts: [] },
    }),
  ],
  [
    'regression',
    regressionChart({
      ...subject,
      metrics: [],
      actual: Float64Array.from({ length: 5000 }, (_, row) => Math.sin(row)),
      predicted: Float64Array.from({ length: 5000 }, (_, row) => Math.sin(row + 0.2)),
    }),
  ],
  [
    'regression on nothing',
    regressionChart({ ...subject, metrics: [], actual: new Float64Array(), predicted: new Float64Array() }),
  ],
];

let studio: Studio;
beforeAll(async () => {
  studio = await openStudio();
});

describe.each(charts)('the chart of %s', (_name, chart) => {
  it('is drawn without a warning, in its own size, with text that can be read', async () => {
    const { svg, naturalWidth, warnings } = await studio.draw(chart);
    expect(warnings).toEqual([]);
    expect(naturalWidth).toBeLessThanOrEqual(chartWidth);
    const sizes = [...svg.matchAll(/font-size="([\d.]+)px"/g)].map(([, size]) => Number(size));
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(12);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('is a PNG of the wanted width, on which every text leaves ink', async () => {
    const { svg } = await studio.draw(chart);
    const whole = decodePng(studio.toPng(svg));
    expect(whole.width).toBe(chartWidth);
    const texts = [...svg.matchAll(/<text [^>]*>[^<]*<\/text>/g)].map(([text]) => text);
    // A bordered text is there twice.
    const bare = decodePng(studio.toPng(svg.replaceAll(/<text [^>]*>[^<]*<\/text>/g, '')));
    const letters = texts
      .join('')
      .replaceAll(/<[^>]*>/g, '')
      .replaceAll(/\s/g, '').length;
    expect(letters).toBeGreaterThan(20);
    expect(differingPixels(whole, bare)).toBeGreaterThan(8 * letters);
  });

  it('has the same bytes each time', async () => {
    const [one, other] = [await studio.draw(chart), await studio.draw(structuredClone(chart))];
    expect(studio.toPng(one.svg).equals(studio.toPng(other.svg))).toBe(true);
  });
});

describe('a name', () => {
  const drawnTexts = async (name: string) => {
    const { svg } = await studio.draw(driftReportChart(report([result(name, drifted)])));
    return [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
  };

  it.each([
    ['a.b[0]["c"]', 'a.b[0]["c"]'],
    ['<b>&</b>', '&lt;b&gt;&amp;&lt;/b&gt;'],
    ["datum['x'] + 1", "datum['x'] + 1"],
    ['שם המאפיין', 'שם המאפיין'],
    ['温度', '\\u6E29\\u5EA6'],
    ['\u{1f9ea}', '\\u{1F9EA}'],
    ['line\nbreak', 'line\\u000Abreak'],
    ['\ud800', '\\uD800'],
    ['', '""'],
  ])('%j is drawn as it is, or by its codes', async (name, shown) => {
    expect(await drawnTexts(name)).toContain(shown);
  });

  it('that is wide is cut to the room there is', async () => {
    const [, name] = await drawnTexts('W'.repeat(60));
    expect(name).toMatch(/^W{30,59}…$/);
  });

  it('that differs in one letter gives another picture', async () => {
    const [one, other] = await Promise.all(
      ['feature_1', 'feature_7'].map(async (name) => {
        const { svg } = await studio.draw(driftReportChart(report([result(name)])));
        return decodePng(studio.toPng(svg));
      }),
    );
    if (one === undefined || other === undefined) throw new Error('two pictures were asked for');
    expect(differingPixels(one, other)).toBeGreaterThan(5);
  });
});

describe('readFont', () => {
  const { resolve } = createRequire(import.meta.url);
  const font = readFont(readFileSync(resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf')));

  it('knows the characters and widths of DejaVu Sans', () => {
    // From fontTools: getBestCmap() and hmtx of DejaVuSans.ttf, 2048 units an em.
    expect([...'Aשع▲→…'].every((character) => font.has(character.codePointAt(0) ?? 0))).toBe(true);
    expect([...'温🧪'].some((character) => font.has(character.codePointAt(0) ?? 0))).toBe(false);
    expect(font.width('iW')).toBe((569 + 2025) / 2048);
    expect(font.width('\u2068A\u2069')).toBe(1401 / 2048);
  });

  it('refuses what is no font', () => {
    expect(() => readFont(Buffer.alloc(64))).toThrow(/has no table/);
  });
});
