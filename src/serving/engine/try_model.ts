import type { InspectedOutput, Inspection } from '../../registry/model_inspector.ts';
import { readElement } from '../../tensors/elements.ts';
import { readPredictions } from '../codec/predictions.ts';
import type { KnownInput } from '../graph/known_inputs.ts';
import type { NamedTensors, ValueMetadata } from './protocol.ts';
import { namesSuffice, withRows } from './row_axes.ts';
import { type TrialRun, trialRuns } from './trial.ts';

type Described = Pick<Inspection, 'inputs' | 'outputs' | 'warnings'>;

/**
 * Finds out what a model's description leaves open: which outputs have rows, and whether its label agrees with its
 * scores. The model runs on made-up rows for it where its graph does not say.
 */
export async function tryModel(
  described: Described,
  outputs: readonly ValueMetadata[],
  known: readonly KnownInput[],
  run: (tensors: NamedTensors) => Promise<NamedTensors>,
): Promise<Described> {
  const named = new Map(outputs.map(({ name, namedRows }) => [name, namedRows]));
  const isDecided = described.outputs.some(({ decided_by }) => decided_by !== undefined);
  const trials =
    isDecided || !namesSuffice(described.outputs, named) ? await trialRuns(described.inputs, known, run) : [];
  const found = withRows(described.outputs, named, trials);
  return {
    ...described,
    outputs: found,
    warnings: [...described.warnings, ...callWarnings(found), ...labelWarnings(found, trials)],
  };
}

function callWarnings(outputs: readonly InspectedOutput[]): string[] {
  const names = outputs.filter(({ role }) => role === 'call').map(({ name }) => shown(name));
  if (names.length === 0) return [];
  const listed = names.slice(0, 5).join(', ') + (names.length > 5 ? `, … (${names.length})` : '');
  return [
    `Not one per row, so given in predict's \`outputs\`, for the call, and in no row's \`value\`: ${listed}.`,
  ];
}

function labelWarnings(outputs: readonly InspectedOutput[], trials: readonly TrialRun[]): string[] {
  const label = outputs.find(({ role, decided_by }) => role === 'label' && decided_by !== undefined);
  const differs = trials.some((trial) => {
    const tensor = trial.outputs.get(label?.name ?? '');
    return (
      tensor?.data.length === trial.rows &&
      readPredictions(outputs, trial.outputs, undefined, trial.rows).some(
        ({ value }, row) => String(value) !== text(readElement(tensor, row)),
      )
    );
  });
  return label === undefined || !differs
    ? []
    : [
        `The model's label ${shown(label.name)} contradicts the scores that decide it (${shown(label.decided_by ?? '')}): predictions take the class from the scores.`,
      ];
}

function text(code: string | number | boolean | null): string {
  return String(typeof code === 'boolean' ? Number(code) : code);
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
