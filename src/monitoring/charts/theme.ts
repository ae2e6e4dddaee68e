import type { TopLevelSpec } from 'vega-lite';
import { isolatedName, shownNumber } from './text.ts';

/** A chart as vega-lite takes it, with its data inside. */
export type ChartSpec = TopLevelSpec;

/** A part of a chart. */
export type View = Extract<TopLevelSpec, { vconcat: unknown }>['vconcat'][number];

/** A layer of a part; layers are drawn one over another. */
export type Layer = Extract<View, { layer: unknown }>['layer'][number];

/** Pixels of the PNG, from the left edge to the right. */
export const chartWidth = 1200;

export const fontFamily = 'DejaVu Sans';
const baseFontSize = 12;

/**
 * Colours that people with any colour vision can tell apart (Okabe and Ito 2008). Nothing is shown by colour alone:
 * shape, dash pattern, fill or words show it too.
 */
export const colours = {
  black: '#000000',
  orange: '#E69F00',
  skyBlue: '#56B4E9',
  green: '#009E73',
  blue: '#0072B2',
  vermillion: '#D55E00',
  purple: '#CC79A7',
  text: '#222222',
  faintText: '#555555',
  line: '#888888',
  grid: '#E4E4E4',
  reference: '#B8B8B8',
  empty: '#EDEDED',
} as const;

/** For the lines of one chart, each with its own shape and dash pattern. */
export const lineStyles = [
  { colour: colours.vermillion, shape: 'triangle-up', dash: [1, 0] },
  { colour: colours.blue, shape: 'circle', dash: [6, 3] },
  { colour: colours.green, shape: 'square', dash: [2, 2] },
  { colour: colours.purple, shape: 'diamond', dash: [8, 3, 2, 3] },
  { colour: colours.orange, shape: 'cross', dash: [12, 3] },
  { colour: colours.black, shape: 'triangle-down', dash: [4, 4] },
] as const;

/** What a chart is about. */
export interface Subject {
  model_id: string;
  version: string;
}

/** Longest model id or version in a title, characters: both must fit. */
const titleNameLength = 36;

/** `Drift report · home_win, version 3`. */
export function titleOf(kind: string, { model_id, version }: Subject): string {
  const shown = (name: string) => isolatedName(name, titleNameLength);
  return `${kind} · ${shown(model_id)}, version ${shown(version)}`;
}

/** A whole chart: the title, a few facts below it, then the parts from top to bottom. */
export function chart(title: string, facts: readonly string[], parts: readonly View[]): ChartSpec {
  return {
    title: { text: title, subtitle: factLines(facts) },
    vconcat: [...parts],
    spacing: 16,
    padding: { left: 0, right: 20, top: 16, bottom: 16 },
    config: {
      font: fontFamily,
      aria: false,
      background: 'white',
      view: { stroke: null },
      title: {
        anchor: 'start',
        frame: 'bounds',
        fontSize: 18,
        subtitleFontSize: 13,
        subtitleColor: colours.text,
        color: colours.text,
        subtitleLineHeight: 19,
        subtitlePadding: 6,
        offset: 14,
        limit: chartWidth - 60,
      },
      axis: {
        labelFontSize: baseFontSize,
        titleFontSize: baseFontSize,
        titleFontWeight: 'normal',
        labelColor: colours.text,
        titleColor: colours.text,
        gridColor: colours.grid,
        domainColor: colours.line,
        tickColor: colours.line,
        titleLimit: 500,
      },
      legend: {
        labelFontSize: baseFontSize,
        titleFontSize: baseFontSize,
        titleFontWeight: 'normal',
        labelColor: colours.text,
        titleColor: colours.text,
        symbolStrokeWidth: 2,
      },
      text: { fontSize: baseFontSize, color: colours.text },
    },
  };
}

/** Rows of data inside a chart. */
export function inline<Row extends object>(rows: readonly Row[]): { values: Row[] } {
  return { values: [...rows] };
}

export interface NumberScale {
  domain: [number, number];
  /** Pixels; the whole width or height by default. */
  range?: [number, number];
  reverse?: boolean;
}

/** A field of numbers along x or y, without an axis. */
export function along(field: string, scale: NumberScale) {
  return { field, type: 'quantitative' as const, axis: null, scale: { ...scale, nice: false, zero: false } };
}

/** A number shown below the title of a chart. */
export interface ShownMetric {
  name: string;
  value: number;
  /** Confidence interval. */
  low?: number | undefined;
  high?: number | undefined;
}

/** `accuracy 0.912 (0.89 to 0.931)` */
export function metricText({ name, value, low, high }: ShownMetric): string {
  const interval =
    low === undefined || high === undefined ? '' : ` (${shownNumber(low, 3)} to ${shownNumber(high, 3)})`;
  return `${isolatedName(name)} ${shownNumber(value, 3)}${interval}`;
}

/** Longest line below the title, characters; there is room for slightly more. */
const lineLength = 160;

/** Divides facts into lines, as many on each as fit. */
function factLines(facts: readonly string[]): string[] {
  const lines: string[] = [];
  for (const fact of facts) {
    const longer = joined([...lines.slice(-1), fact]);
    if (lines.length > 0 && longer.length <= lineLength) lines[lines.length - 1] = longer;
    else lines.push(fact);
  }
  return lines;
}

/** Facts side by side. */
export function joined(facts: readonly string[]): string {
  return facts.join(' · ');
}

/** The position of a text in its part, in pixels, and the text itself where it is not in the data. */
interface TextPlace {
  align: 'left' | 'right';
  x: number;
  y: number | { expr: string };
  color?: string;
  text?: string;
}

/** Text with a white outline, to stay readable over lines and marks. */
export function readableText(
  place: TextPlace,
  encoding: { text?: { field: string; type: 'nominal' } } = {},
): { layer: Layer[] } {
  const text = { type: 'text', baseline: 'middle', ...place } as const;
  return {
    layer: [
      { mark: { ...text, stroke: 'white', strokeWidth: 4, strokeJoin: 'round' }, encoding },
      { mark: text, encoding },
    ],
  };
}
