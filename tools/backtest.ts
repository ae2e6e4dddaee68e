import { z } from 'zod';
import { type BacktestRequest, defaultMaxRows, mostRows } from '../src/backtest/report.ts';
import { ModelYardError } from '../src/errors.ts';
import { backtestAnswer, describeBacktest } from './answers/backtest_answer.ts';
import { filePath, hoursToMs, modelId, responseFormat, timestamp, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

const column = z.string().min(1).max(512);

export const backtest = defineTool({
  name: 'backtest',
  title: 'Backtest',
  description:
    'Replays logged calls (or the rows of path) on a candidate version and on the one it would replace, unseen by callers, breakers and the log: agreement, where and how they differ, paired tests of every metric where outcomes are known, refused rows. Neither need be deployed. Next: promote_model; live: set_traffic.',
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: version.describe('Candidate'),
    against: version.optional(),
    window_hours: z.number().positive().max(87_600).optional().describe('Default 168'),
    since: timestamp.optional(),
    until: timestamp.optional(),
    path: filePath.optional(),
    outcome_column: column.optional().describe('Of path'),
    entity_column: column.optional(),
    max_rows: z
      .number()
      .int()
      .min(1)
      .max(mostRows)
      .default(defaultMaxRows)
      .describe('Of more, a uniform sample'),
    segment_by: z.string().min(1).max(256).optional(),
    response_format: responseFormat,
  }),
  output: backtestAnswer,
  async handle(services, input, { signal, progress }) {
    progress(0, 100, 'loading both versions and counting rows');
    const report = await services.backtest.run(
      {
        modelId: input.model_id,
        version: input.version,
        against: input.against,
        rows: rowsOf(input),
        maxRows: input.max_rows,
        segmentBy: input.segment_by,
      },
      { signal, progress: (done, total = 100, message = '') => progress(done, total, message) },
    );
    return describeBacktest(report, input.response_format === 'detailed');
  },
});

const defaultWindowHours = 168;

function rowsOf({
  path,
  outcome_column: outcomeColumn,
  entity_column: entityColumn,
  window_hours: hours,
  ...given
}: {
  path?: string | undefined;
  outcome_column?: string | undefined;
  entity_column?: string | undefined;
  window_hours?: number | undefined;
  since?: string | undefined;
  until?: string | undefined;
}): BacktestRequest['rows'] {
  const isWindow = hours !== undefined || given.since !== undefined || given.until !== undefined;
  if (path !== undefined) {
    if (isWindow)
      throw new ModelYardError(
        'INVALID_INPUT',
        'path and a window of the log were both given.',
        'Leave out path, or window_hours, since and until.',
      );
    return { kind: 'path', path, outcomeColumn, entityColumn };
  }
  if (outcomeColumn !== undefined || entityColumn !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      'outcome_column and entity_column are columns of path, which was not given.',
      'Leave them out: the log knows outcomes and entities.',
    );
  if (hours !== undefined && given.since !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      'window_hours and since were both given.',
      'Leave one of them out.',
    );
  const until = given.until === undefined ? Date.now() + 1 : Date.parse(given.until);
  const since =
    given.since === undefined ? until - hoursToMs(hours ?? defaultWindowHours) : Date.parse(given.since);
  if (since < until) return { kind: 'window', since, until };
  throw new ModelYardError(
    'INVALID_INPUT',
    `since=${given.since} is not before until=${given.until}.`,
    'Swap them.',
  );
}
