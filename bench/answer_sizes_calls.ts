import { basename, dirname, join } from 'node:path';
import { type Files, fillStore, list, measured, plainRow, wideRow } from './answer_sizes_store.ts';

/** A call whose answer is measured: of a model of five columns, or of a thousand. */
export interface MeasuredCall {
  tool: string;
  /** What is asked for, in words; '': nothing but the model. */
  what: string;
  model: 'plain' | 'wide' | 'store';
  given: Record<string, unknown>;
  /** The code of the error that is expected. */
  code?: string;
  /** Rows were asked for: as many as they are. */
  ofRows?: true;
}

type Facts = Record<string, unknown>;
/** What is called may depend on the answer before. */
type PlannedCall = MeasuredCall | ((before: Facts) => MeasuredCall);

/** Every tool with as few arguments as it takes, on each model, in an order in which all of them can be called. */
function plannedCalls(files: Files): PlannedCall[] {
  return [...storeCalls(), ...callsOf('plain', files), ...callsOf('wide', files), ...refusedCalls(files)];
}

export interface MeasuredAnswer extends MeasuredCall {
  /** The error's code; undefined: it succeeded. */
  failed: string | undefined;
  /** Characters of the structured content, divided by four. */
  tokens: number;
}

/** Fills a store through its server, and makes every call. */
export async function* measuredAnswers(
  files: Files,
  attempt: (tool: string, given: Facts) => Promise<Facts>,
): AsyncGenerator<MeasuredAnswer> {
  await fillStore(async (tool, given) => {
    const facts = await attempt(tool, given);
    if (facts.error !== undefined) throw new Error(`${tool}: ${JSON.stringify(facts.error)}`);
    return facts;
  }, files);
  let before: Facts = {};
  for (const planned of plannedCalls(files)) {
    const call = typeof planned === 'function' ? planned(before) : planned;
    before = await attempt(call.tool, call.given);
    yield { ...call, failed: codeOf(before), tokens: tokensOf(before) };
  }
}

export function tokensOf(value: unknown): number {
  return Math.round(JSON.stringify(value).length / 4);
}

function codeOf({ error }: Facts): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined;
}

function storeCalls(): MeasuredCall[] {
  const store = (tool: string, given: Facts = {}, what = '') => ({
    tool,
    what,
    model: 'store' as const,
    given,
  });
  return [
    store('health_check'),
    store('search_models'),
    { ...store('search_models', { limit: 200 }, 'limit=200'), ofRows: true },
    store('list_alerts'),
    store('list_alerts', { limit: 200 }, 'limit=200'),
    store('acknowledge_alert', { alert_id: 'alert-1', note: 'We look at it. '.repeat(130) }),
    { ...store('sync_mlflow'), code: 'MLFLOW_UNAVAILABLE' },
    { ...store('get_model', { model_id: 'nowhere' }, 'of no model'), code: 'MODEL_NOT_FOUND' },
  ];
}

function callsOf(model: 'plain' | 'wide', files: Files): PlannedCall[] {
  const model_id = measured[model];
  const rowOf = model === 'wide' ? wideRow : plainRow;
  const moved = list(40, (row) => rowOf(row, 3));
  const of = (tool: string, given: Facts = {}, what = ''): MeasuredCall => ({
    tool,
    what,
    model,
    given: { model_id, ...given },
  });
  const [feature = ''] = Object.keys(rowOf(0));
  const input_path = model === 'wide' ? files.wideInput : files.plain;
  return [
    { ...of('predict', { inputs: [rowOf(1)] }, 'one row'), ofRows: true },
    of('log_predictions', {
      version: '1',
      predictions: list(200, (row) => ({
        features: rowOf(row),
        prediction: model === 'wide' ? 'segment of customers 1' : 1,
      })),
    }),
    of(
      'record_outcomes',
      {
        outcomes: list(9000, (row) => ({
          prediction_id: `an-id-that-was-never-given-${row}`.padEnd(120, '-'),
          actual: 1,
        })),
      },
      'of 9 000 unknown ids',
    ),
    of('predict_file', { input_path, output_path: join(dirname(input_path), `out_${basename(input_path)}`) }),
    of('list_predictions'),
    of('list_predictions', { limit: 200 }, 'limit=200'),
    { ...of('list_predictions', { prediction_id: `${model_id}-0-1` }, 'by prediction_id'), ofRows: true },
    of('get_performance'),
    of('get_performance', { by_version: true }, 'by_version'),
    of('get_performance', { segment_by: feature }, 'segment_by'),
    of('get_performance', { by_version: true, segment_by: feature }, 'by_version, segment_by'),
    of('detect_drift'),
    of('detect_drift', { current_data: moved }, 'current_data'),
    of('detect_drift', { segment_by: feature }, 'segment_by'),
    of('set_reference_data', { data: list(40, (row) => rowOf(row)) }),
    of('health_check'),
    of('list_alerts'),
    of('search_models', {}, 'of one model'),
    of('get_model'),
    of('get_model', { version: '1' }, 'version'),
    of('get_model', { stage: 'production' }, 'stage'),
    of('compare_models', { versions: ['1', '2'] }, 'of two'),
    of('compare_models', { versions: list(10, (index) => `${index + 1}`) }, 'of ten'),
    of('backtest', { version: '2' }),
    of('backtest', { version: '2', segment_by: feature }, 'segment_by'),
    of('set_traffic', { weights: Object.fromEntries(list(8, (index) => [`${index + 1}`, 1 / 8])) }),
    of('promote_model', { version: '2', target_stage: 'production', dry_run: true }, 'dry_run'),
    ...(model === 'wide'
      ? [
          {
            ...of('promote_model', { version: '2', target_stage: 'production' }, 'gates fail'),
            code: 'GATE_FAILED',
          },
        ]
      : []),
    of('promote_model', { version: '2', target_stage: 'production', force: true, reason: 'better' }),
    of('rollback_model', { reason: 'worse', dry_run: true }, 'dry_run'),
    of('rollback_model', { reason: 'worse' }),
    of('reset_circuit_breaker', { version: '1' }),
    of('retire_model', { version: '8', force: true }),
    of('start_rollout', { version: '9', dry_run: true }, 'dry_run'),
    of('start_rollout', { version: '9' }),
    of('get_rollout'),
    (before) => ({
      ...of('control_rollout'),
      given: { rollout_id: before.rollout_id, action: 'abort', reason: 'enough' },
    }),
    of('update_model', {
      version: '1',
      hyperparameters: Object.fromEntries(list(300, (index) => [`parameter_${index}`, index])),
    }),
    of('deploy_model', { version: '10' }),
    of('register_model', {
      version: 'next',
      source: files.source,
      ...(model === 'wide' && { feature_names: Object.keys(rowOf(0)) }),
    }),
    of('delete_model', { version: '30', dry_run: true }, 'dry_run'),
  ];
}

/** Refusals that name what is there and what is expected. */
function refusedCalls(files: Files): MeasuredCall[] {
  const wrongRow = Object.fromEntries(list(1000, (index) => [`a column of another model ${index}`, 1]));
  const of = (tool: string, given: Facts, what: string, code: string): MeasuredCall => ({
    tool,
    what,
    model: 'wide',
    given: { model_id: measured.wide, ...given },
    code,
  });
  return [
    of('predict', { inputs: [{}] }, 'no feature', 'SIGNATURE_MISMATCH'),
    of('predict', { inputs: [wrongRow] }, 'other features', 'SIGNATURE_MISMATCH'),
    of('predict_file', { input_path: files.wrong }, 'other columns', 'SIGNATURE_MISMATCH'),
    of('detect_drift', { version: '1', current_data: [wrongRow] }, 'other columns', 'INVALID_INPUT'),
    of('set_reference_data', { data: [wrongRow] }, 'other columns', 'INVALID_INPUT'),
    of('get_performance', { segment_by: 'nothing' }, 'an unknown feature', 'INVALID_INPUT'),
    of('get_model', { version: 'nothing' }, 'an unknown version', 'VERSION_NOT_FOUND'),
  ];
}
