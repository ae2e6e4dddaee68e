import type { Backtest } from '../backtest/backtest.ts';
import { ModelYardError } from '../errors.ts';
import type { StepEvidence } from './evidence.ts';
import type { Rollout } from './rollout_store.ts';

/** The calls of so long are replayed, and of more so many, drawn at random. */
const windowMs = 7 * 86_400_000;
const mostRows = 20_000;

/** Errors after which it is to be tried again; any other says that nothing can be replayed, not that the candidate is bad. */
const passing: readonly string[] = ['STORAGE_UNAVAILABLE', 'CANCELLED'];

/** Replays logged calls on both versions, where that can be done. */
export async function replayLog(
  run: Backtest['run'],
  { modelId, version, incumbent }: Rollout,
  until: number,
): Promise<StepEvidence['backtest']> {
  try {
    const { metrics, reason, rows } = await run({
      modelId,
      version,
      against: incumbent,
      rows: { kind: 'window', since: until - windowMs, until },
      maxRows: mostRows,
    });
    const worst = metrics
      .filter(({ verdict }) => verdict === 'worse')
      .toSorted((a, b) => (a.pAdjusted ?? 1) - (b.pAdjusted ?? 1))[0];
    return {
      pValue: worst?.pAdjusted ?? 1,
      detail: `${rows.compared} logged rows were replayed, ${rows.withOutcome} with an outcome. ${reason}`,
    };
  } catch (error) {
    if (!(error instanceof ModelYardError) || passing.includes(error.code)) throw error;
    return { pValue: 1, detail: `No logged calls were replayed: ${error.message}` };
  }
}
