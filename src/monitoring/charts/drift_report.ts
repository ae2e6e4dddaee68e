import { heightOf, rowPosition } from './feature_rows.ts';
import type { Histogram } from './histogram.ts';
import { histogramView } from './histogram_view.ts';
import { shownCount, shownName, shownNumber, shownRows, shownShare } from './text.ts';
import {
  along,
  type ChartSpec,
  chart,
  colours,
  inline,
  joined,
  type Subject,
  titleOf,
  type View,
} from './theme.ts';

/** A feature of a drift report. */
export interface ReportedFeature {
  feature: string;
  is_drift: boolean;
  severity: string;
  /** How far over the threshold: 1 is at it, 2 twice as far; null without a verdict. */
  ratio: number | null;
  /** What was measured, with the name of its measure, such as `KS distance`. */
  score: number | null;
  scoreLabel: string;
  effect: number | null;
  effectLabel: string | undefined;
  p_adjusted: number | null;
  /** Shares of rows without a value. */
  reference_missing: number;
  current_missing: number;
  note?: string;
}

export interface DriftReport extends Subject {
  /** Rows of each side. */
  reference_n: number;
  current_n: number;
  is_drift: boolean;
  /** The worst first; the first {@link maxFeatures} are drawn. */
  features: readonly ReportedFeature[];
  /** By feature; only those of the features that are drawn are needed. */
  histograms: ReadonlyMap<string, Histogram>;
}

/** Features that a report shows. */
export const maxFeatures = 12;

/** Longest bar, in multiples of the threshold: longer ones are cut there, with the number beside them. */
const maxBar = 10;

/** Pixels: of the part left of the histograms, where names and bars begin, how long a bar can be. */
const rankingWidth = 620;
const indent = 46;
const barWidth = 440;

/** A picture of a drift report: the worst features, how far over the threshold each is, and its values then and now. */
export function driftReportChart(report: DriftReport): ChartSpec {
  const features = report.features.slice(0, maxFeatures);
  const histograms = features.map(({ feature }) => report.histograms.get(feature));
  const body: View =
    features.length === 0
      ? { data: inline([{}]), height: 40, mark: { type: 'text', text: 'The report has no features.' } }
      : { hconcat: [rankingView(features), histogramView(histograms)], spacing: 24 };
  return chart(titleOf('Drift report', report), factsOf(report, features.length), [body]);
}

function factsOf(report: DriftReport, shown: number): string[] {
  const drifted = report.features.filter(({ is_drift }) => is_drift).length;
  const judged = report.features.filter(({ score, is_drift }) => score !== null || is_drift).length;
  const unjudged = report.features.length - judged;
  const features = `${judged} feature${judged === 1 ? '' : 's'}`;
  const verdict = report.is_drift ? `▲ DRIFT in ${drifted} of ${features}` : `○ NO DRIFT in ${features}`;
  return [
    judged === 0 ? '× NO VERDICT: no feature could be judged' : verdict,
    ...(unjudged > 0 && judged > 0 ? [`${unjudged} more could not be judged`] : []),
    `reference ${shownRows(report.reference_n)}`,
    `current ${shownRows(report.current_n)}`,
    ...(shown < report.features.length ? [`the first ${shown} of ${report.features.length} are shown`] : []),
  ];
}

interface RankingRow {
  row: number;
  rank: string;
  name: string;
  verdict: 'drift' | 'stable' | 'not judged';
  ratio: number | null;
  /** The ratio as far as the bar goes. */
  bar: number;
  barText: string;
  /** Beside the bar and the mark of the threshold. */
  barTextAt: number;
  detail: string;
}

function rankingRow(reported: ReportedFeature, row: number): RankingRow {
  const { feature, is_drift, ratio } = reported;
  return {
    row,
    rank: String(row + 1),
    name: shownName(feature),
    verdict: is_drift ? 'drift' : ratio === null ? 'not judged' : 'stable',
    ratio,
    bar: Math.min(ratio ?? 0, maxBar),
    barText: ratio === null ? '' : `${ratio > maxBar ? '» ' : ''}${shownMultiple(ratio)} ×`,
    barTextAt: Math.min(Math.max(ratio ?? 0, 1), maxBar),
    detail: detailOf(reported),
  };
}

function shownMultiple(ratio: number): string {
  if (ratio >= 1e6) return shownNumber(ratio);
  return ratio >= 100 ? shownCount(Math.round(ratio)) : ratio.toFixed(ratio < 10 ? 2 : 1);
}

/** `DRIFT, high · KS distance 0.31, p 1.2e-9 · missing 0 % → 12 %` */
function detailOf({
  is_drift,
  severity,
  ratio,
  score,
  effect,
  p_adjusted,
  ...more
}: ReportedFeature): string {
  const { scoreLabel, effectLabel, reference_missing, current_missing, note } = more;
  const measured = [
    ...(score === null ? [] : [`${scoreLabel} ${shownNumber(score)}`]),
    ...(effect === null || effect === score ? [] : [`${effectLabel} ${shownNumber(effect)}`]),
    ...(p_adjusted === null ? [] : [shownP(p_adjusted)]),
  ];
  const verdict = is_drift ? `DRIFT, ${severity}` : ratio === null ? 'not judged' : 'stable';
  const isUnproven = !is_drift && ratio !== null && ratio >= 1;
  return joined([
    isUnproven ? 'stable: may be chance' : verdict,
    ...(measured.length > 0 ? [measured.join(', ')] : []),
    ...(reference_missing > 0 || current_missing > 0
      ? [`missing ${shownShare(reference_missing)} → ${shownShare(current_missing)}`]
      : []),
    ...((verdict === 'not judged' || score === null) && note !== undefined ? [shownName(note, 100)] : []),
  ]);
}

function shownP(p: number): string {
  return p < 1e-300 ? 'p < 1e-300' : `p ${shownNumber(p, 2)}`;
}

/** What is drawn differently by the verdict. */
function byVerdict<Value>(drift: Value, stable: Value, notJudged: Value) {
  const scale = { domain: ['drift', 'stable', 'not judged'], range: [drift, stable, notJudged] };
  return { field: 'verdict', type: 'nominal', legend: null, scale } as const;
}

function rankingView(features: readonly ReportedFeature[]): View {
  const rows = features.map(rankingRow);
  const longest = Math.max(2, ...rows.map(({ bar }) => bar));
  const y = rowPosition(rows.length);
  const times = (field: string) => along(field, { domain: [0, longest], range: [indent, indent + barWidth] });
  const { field: _, ...scaled } = times('bar');
  const threshold = { ...scaled, datum: 1 };
  const text = { type: 'text', align: 'left', baseline: 'middle' } as const;

  return {
    data: inline(rows),
    width: rankingWidth,
    height: heightOf(rows.length),
    layer: [
      {
        mark: { ...text, yOffset: 18, color: colours.faintText },
        encoding: { x: { value: 0 }, y, text: { field: 'rank', type: 'nominal' } },
      },
      {
        mark: { type: 'point', size: 100, strokeWidth: 2, opacity: 1, yOffset: 18 },
        encoding: {
          x: { value: 30 },
          y,
          shape: byVerdict('triangle-up', 'circle', 'cross'),
          stroke: byVerdict<string>(colours.vermillion, colours.line, colours.line),
          fill: byVerdict<string>(colours.vermillion, 'white', 'white'),
        },
      },
      {
        mark: { ...text, yOffset: 18, fontSize: 13, fontWeight: 'bold', limit: rankingWidth - indent },
        encoding: { x: { value: indent }, y, text: { field: 'name', type: 'nominal' } },
      },
      {
        transform: [{ filter: 'datum.ratio !== null' }],
        mark: { type: 'rect', strokeWidth: 1, yOffset: 31, y2Offset: 49 },
        encoding: {
          x: times('bar'),
          x2: { datum: 0 },
          y,
          y2: { field: 'row' },
          fill: byVerdict<string>(colours.vermillion, 'white', 'white'),
          stroke: byVerdict<string>(colours.vermillion, colours.line, colours.line),
        },
      },
      {
        mark: { ...text, yOffset: 40, xOffset: 8 },
        encoding: { x: times('barTextAt'), y, text: { field: 'barText', type: 'nominal' } },
      },
      {
        transform: [{ filter: 'datum.ratio !== null' }],
        mark: { type: 'rule', strokeWidth: 2, color: colours.black, yOffset: 28, y2Offset: 52 },
        encoding: { x: threshold, y, y2: { field: 'row' } },
      },
      {
        mark: { ...text, yOffset: 65, limit: rankingWidth - indent },
        encoding: { x: { value: indent }, y, text: { field: 'detail', type: 'nominal' } },
      },
      {
        data: inline([{ text: '▎threshold; the numbers tell how many times it' }]),
        mark: { ...text, y: 8, color: colours.faintText },
        encoding: { x: threshold, text: { field: 'text', type: 'nominal' } },
      },
    ],
  };
}
