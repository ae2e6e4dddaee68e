import { describe, expect, test } from 'vitest';
import { ModelYardError } from '../../src/errors.ts';
import type { GatePolicy } from '../../src/registry/gate_policy.ts';
import { type Candidacy, type GateEvidence, runGates } from '../../src/registry/gates.ts';
import type { VersionRecord } from '../../src/registry/version_record.ts';

const record = (version: string, features = ['a']): VersionRecord => ({
  modelId: 'm',
  version,
  stage: 'staging',
  createdAt: 0,
  createdBy: 'operator',
  source: 'm.onnx',
  artifact: { sha256: 'abcdef0123456789', bytes: 1 },
  signature: {
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, features.length] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
    features: features.map((name, column) => ({ name, datatype: 'FP32', input: 'x', column })),
  },
  classLabels: undefined,
  framework: null,
  algorithm: null,
  hyperparameters: null,
  description: null,
  warnings: [],
  author: null,
  producer: null,
  opsets: null,
  updatedAt: null,
  updatedBy: null,
  number: 1,
});

const hour = 3_600_000;
const evidence: GateEvidence = {
  verifyArtifact: async () => undefined,
  probeFailure: async () => undefined,
  shadowAgreement: async () => ({ calls: 100, agreement: 0.95 }),
  criticalDrift: async () => [],
  backtest: async () => ({ worseBy: 0.005, detail: 'On 100 replayed rows accuracy is 0.8.' }),
};

/** The gates beside that of the artifact, which always runs. */
async function judge(policy: GatePolicy, more: Partial<Candidacy> = {}, given: Partial<GateEvidence> = {}) {
  const candidacy: Candidacy = {
    candidate: { record: record('2'), metrics: { accuracy: 0.9, log_loss: 0.3, odd: 1 } },
    incumbent: {
      version: '1',
      stored: { record: record('1') },
      metrics: { accuracy: 0.91, log_loss: 0.25, odd: 2 },
    },
    inStagingSince: undefined,
    now: 10 * hour,
    ...more,
  };
  const [artifact, ...gates] = await runGates({ ...evidence, ...given }, policy, candidacy);
  expect(artifact?.name).toBe('artifact_intact');
  return gates;
}
const passes = async (...given: Parameters<typeof judge>) =>
  (await judge(...given)).map(({ passed }) => passed);

describe('a gate', () => {
  test('of an empty policy is that of the artifact alone', async () => {
    expect(await judge({})).toEqual([]);
  });

  test('of metrics wants them at least, or at most, so high', async () => {
    expect(await passes({ min_metrics: { accuracy: 0.9 }, max_metrics: { log_loss: 0.3 } })).toEqual([
      true,
      true,
    ]);
    expect(await passes({ min_metrics: { accuracy: 0.901 }, max_metrics: { log_loss: 0.299 } })).toEqual([
      false,
      false,
    ]);
    const [missing] = await judge({ min_metrics: { auc: 0.5 } });
    expect(missing).toMatchObject({ passed: false, detail: expect.stringContaining('no metric auc') });
  });

  test('compares with the incumbent in the direction that is better', async () => {
    const compare = (
      metrics: Record<string, number>,
      lower_is_better?: string[],
      higher_is_better?: string[],
    ) => passes({ not_worse_than_incumbent: metrics, lower_is_better, higher_is_better });
    expect(await compare({ accuracy: 0.01 })).toEqual([true]);
    expect(await compare({ accuracy: 0.009 })).toEqual([false]);
    expect(await compare({ log_loss: 0.05 })).toEqual([true]);
    expect(await compare({ log_loss: 0.04 })).toEqual([false]);
    expect(await compare({ odd: 0 })).toEqual([false]);
    expect(await compare({ odd: 0 }, ['odd'])).toEqual([true]);
    expect(await compare({ odd: 0 }, [], ['odd'])).toEqual([false]);
    // What is said holds over what the name says.
    expect(await compare({ accuracy: 0 }, ['accuracy'])).toEqual([true]);
    expect(await compare({ log_loss: 0 }, [], ['log_loss'])).toEqual([true]);
    expect(await compare({ unknown_accuracy: 1 })).toEqual([false]);
    expect(await passes({ not_worse_than_incumbent: { accuracy: 0 } }, { incumbent: undefined })).toEqual([
      true,
    ]);
  });

  test('of the signature names what breaks', async () => {
    expect(await passes({ signature: true })).toEqual([true]);
    const [gate] = await judge(
      { signature: true },
      { candidate: { record: record('2', ['b']), metrics: {} } },
    );
    expect(gate).toMatchObject({ name: 'signature', passed: false, detail: expect.stringContaining('b') });
    expect(await passes({ signature: true }, { incumbent: undefined })).toEqual([true]);
  });

  test('of staging wants the version there, and long enough', async () => {
    expect(await passes({ require_staging: true })).toEqual([false]);
    expect(await passes({ require_staging: true }, { inStagingSince: 10 * hour })).toEqual([true]);
    expect(await passes({ min_hours_in_staging: 4 }, { inStagingSince: 6 * hour })).toEqual([true]);
    expect(await passes({ min_hours_in_staging: 4 }, { inStagingSince: 6 * hour + 1 })).toEqual([false]);
    expect(await passes({ min_hours_in_staging: 4 })).toEqual([false]);
  });

  test('of the shadow wants enough calls and enough agreement', async () => {
    const shadow = (min: number, calls: number, found = { calls: 100, agreement: 0.95 as number | null }) =>
      passes({ shadow_agreement: { min, calls } }, {}, { shadowAgreement: async () => found });
    expect(await shadow(0.95, 100)).toEqual([true]);
    expect(await shadow(0.96, 100)).toEqual([false]);
    expect(await shadow(0.95, 101)).toEqual([false]);
    expect(await shadow(0, 1, { calls: 5, agreement: null })).toEqual([false]);
  });

  test('of a backtest wants the candidate at worst so much worse, and evidence for it', async () => {
    const gate = (worseBy: number | null, not_worse_by: number) =>
      judge(
        { backtest: { not_worse_by, on: 'accuracy' } },
        {},
        { backtest: async () => ({ worseBy, detail: 'Nothing has an outcome.' }) },
      );
    expect(await gate(0.01, 0.01)).toMatchObject([{ name: 'backtest:accuracy', passed: true }]);
    expect(await gate(0.0101, 0.01)).toMatchObject([
      { passed: false, detail: expect.stringContaining('worse by 0.0101; 0.01 is allowed') },
    ]);
    expect(await gate(null, 1)).toMatchObject([
      { passed: false, detail: 'It cannot be judged: Nothing has an outcome.' },
    ]);
    expect(await passes({ backtest: { not_worse_by: 0, on: 'accuracy' } }, { incumbent: undefined })).toEqual(
      [true],
    );
  });

  test('of probe and drift says what failed', async () => {
    expect(await passes({ probe: true, no_critical_drift: true })).toEqual([true, true]);
    const gates = await judge(
      { probe: true, no_critical_drift: true },
      {},
      { probeFailure: async () => 'row 0 gave 1', criticalDrift: async () => ['age'] },
    );
    expect(gates).toEqual([
      { name: 'probe', passed: false, detail: 'row 0 gave 1' },
      { name: 'no_critical_drift', passed: false, detail: expect.stringContaining('age') },
    ]);
  });

  test('that cannot be judged has not passed; a defect is no judgement', async () => {
    const noReference = new ModelYardError('NO_REFERENCE', 'None is set.', 'Set one.');
    const [gate] = await judge(
      { no_critical_drift: true },
      {},
      { criticalDrift: () => Promise.reject(noReference) },
    );
    expect(gate).toEqual({ name: 'no_critical_drift', passed: false, detail: 'None is set. Set one.' });
    await expect(
      judge({ probe: true }, {}, { probeFailure: () => Promise.reject(new TypeError('defect')) }),
    ).rejects.toThrow('defect');
  });
});
