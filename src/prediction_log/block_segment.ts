import type { PredictionBlock } from '../serving/prediction_sink.ts';
import { columnOf, type LogColumn, valueAt } from './column.ts';
import { callNumber, dayOf, loggedLatency, type Segment } from './segment.ts';

/** The rows of a block, with the columns that `segmentsOf` gives the same rows of an entry. */
export function segmentOfBlock(block: PredictionBlock): Segment {
  const { at, route, ids, features, classes, probabilities, outcomes } = block;
  const rows = ids.length / 16;
  const same = (value: unknown): LogColumn => repeated(value, rows);
  const id: LogColumn = { kind: 'uuids', bytes: ids };
  const call = callNumber([0, 1].flatMap((row) => (row < rows ? [String(valueAt(id, row))] : [])));
  const answers: [string, LogColumn][] = [
    ['id', id],
    ['at', same(at)],
    ['route', same(route)],
    ['entity_key', block.entityKeys === undefined ? same(block.entityKey) : columnOf(block.entityKeys)],
    ['latency_ms', same(loggedLatency(block.latencyMs))],
    ['error_code', same(null)],
    ['error_message', same(null)],
    ...(call === undefined ? [] : [['call', same(call)] satisfies [string, LogColumn]]),
    ['layout', same(features.map(([name]) => name))],
    ['value', valuesOf(block.values)],
    ...(classes === undefined ? [] : [['classes', same(classes)] satisfies [string, LogColumn]]),
    ...probabilities.map((numbers, index): [string, LogColumn] => [`P[${index}]`, numbersOf(numbers)]),
  ];
  return {
    modelId: block.modelId,
    version: block.version,
    day: dayOf(at),
    rows,
    answers: new Map(answers),
    features: new Map(
      features.map(([name, values]) => [
        name,
        values instanceof Float64Array ? numbersOf(values) : columnOf(values),
      ]),
    ),
    outcomes: outcomes && columnOf(outcomes),
  };
}

function repeated(value: unknown, rows: number): LogColumn {
  if (typeof value === 'number' || value === null)
    return { kind: 'numbers', values: new Float64Array(rows).fill(value ?? Number.NaN) };
  return { kind: 'dictionary', entries: [value], codes: new Uint32Array(rows) };
}

/** As JSON has them: without the sign of zero. */
function numbersOf(values: Float64Array): LogColumn {
  return { kind: 'numbers', values: values.map((value) => value + 0) };
}

function valuesOf(values: PredictionBlock['values']): LogColumn {
  if ('numbers' in values) return numbersOf(values.numbers);
  const { entries, codes } = values;
  if (entries.some((entry) => typeof entry !== 'number' && entry !== null))
    return { kind: 'dictionary', entries, codes: Uint32Array.from(codes) };
  const numbers = entries.map((entry) => (typeof entry === 'number' ? entry : Number.NaN));
  return numbersOf(Float64Array.from(codes, (code) => numbers[code] ?? Number.NaN));
}
