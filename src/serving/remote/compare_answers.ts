import { ModelYardError } from '../../errors.ts';
import { sameRows } from '../engine/batching.ts';
import type { EngineModel } from '../engine/engine.ts';
import type { NamedTensors } from '../engine/protocol.ts';
import { trialRuns } from '../engine/trial.ts';

/** Numbers of two engines agree within this share of the output's scale: others compute in other orders and precisions. */
const agreement = 1e-3;

type Run = (tensors: NamedTensors) => Promise<NamedTensors>;

/**
 * Runs a version here and in another engine on the same inputs: a few made-up rows, and one that is known to be good.
 * @throws GATE_FAILED where the answers differ, or the other cannot run what is run here; what stops either of them
 */
export async function requireSameAnswers(
  engine: string,
  model: EngineModel,
  known: NamedTensors | undefined,
  here: Run,
  there: Run,
): Promise<void> {
  const compare: Run = async (tensors) => {
    const expected = await here(tensors);
    let answered: NamedTensors;
    try {
      answered = await there(tensors);
    } catch (error) {
      if (!(error instanceof ModelYardError) || error.code !== 'INFERENCE_FAILED') throw new Stopped(error);
      throw new Stopped(different(engine, `it fails where the embedded engine answers (${error.message})`));
    }
    if (agree(expected, answered)) return expected;
    // A model that draws lots agrees with nothing.
    if (agree(expected, await here(tensors)))
      throw new Stopped(different(engine, 'its answers are not those of the embedded engine'));
    return expected;
  };
  let stopped: Stopped | undefined;
  const attempt: Run = (tensors) =>
    compare(tensors).catch((error: unknown) => {
      if (error instanceof Stopped) stopped ??= error;
      throw error;
    });
  if (known !== undefined) await attempt(known).catch(() => undefined);
  if (stopped === undefined) await trialRuns(model.inputs, [], attempt);
  if (stopped !== undefined) throw stopped.reason;
}

function agree(expected: NamedTensors, answered: NamedTensors): boolean {
  for (const [name, { shape }] of expected)
    if (String(answered.get(name)?.shape) !== String(shape)) return false;
  return sameRows(expected, answered, expected, agreement);
}

class Stopped extends Error {
  readonly reason: unknown;
  constructor(reason: unknown) {
    super('stopped');
    this.reason = reason;
  }
}

function different(engine: string, how: string): ModelYardError {
  return new ModelYardError(
    'GATE_FAILED',
    `The engine ${engine} does not serve what the version is: on the same inputs ${how}.`,
    'The version is not deployed there. Serve the very file of the version in that engine, or look at its log.',
  );
}
