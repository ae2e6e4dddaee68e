import { ModelYardError } from '../errors.ts';
import { quotedName } from '../stored_texts.ts';
import type { GatePolicy } from './gate_policy.ts';
import type { StoredVersion } from './lookup.ts';
import { type MetricDirection, metricDirection } from './metric_direction.ts';
import { compareSignatures } from './signature_compatibility.ts';
import type { VersionRecord } from './version_record.ts';

export interface Gate {
  name: string;
  passed: boolean;
  detail: string;
}

/** What gates need from serving and monitoring. */
export interface GateEvidence {
  /** @throws ARTIFACT_MISMATCH */
  verifyArtifact(record: VersionRecord): Promise<void>;
  /** Runs the probe that the version was deployed with. @returns why it failed, or undefined. */
  probeFailure(record: VersionRecord): Promise<string | undefined>;
  /** How a version's predictions as a shadow compare with the answers given. */
  shadowAgreement(record: VersionRecord): Promise<{ calls: number; agreement: number | null }>;
  /**
   * The features of a version's last day with critical drift.
   *
   * @throws NO_REFERENCE, NOT_ENOUGH_DATA
   */
  criticalDrift(record: VersionRecord): Promise<string[]>;
  /**
   * How a version does beside its incumbent on the calls that were logged of late.
   *
   * @returns by how much it may be worse by the metric, at the bad end of the 95 % interval and at least 0; null where
   *   that cannot be said; and a sentence
   * @throws NOT_ENOUGH_DATA, SIGNATURE_MISMATCH
   */
  backtest(
    record: VersionRecord,
    incumbent: string,
    metric: BacktestGate['on'],
  ): Promise<{ worseBy: number | null; detail: string }>;
}

type BacktestGate = NonNullable<GatePolicy['backtest']>;

/** The version that asks to be promoted. */
interface Contender {
  record: VersionRecord;
  metrics: Record<string, number>;
}

/** The version that it is compared with; what is stored of it may be damaged. */
export type Incumbent = Pick<StoredVersion, 'version' | 'stored'> & Pick<Contender, 'metrics'>;

export interface Candidacy {
  candidate: Contender;
  /** The version in the stage that the candidate would replace. */
  incumbent: Incumbent | undefined;
  /** When the candidate came into staging, if it is there. */
  inStagingSince: number | undefined;
  now: number;
}

/** Runs all gates of a policy, whatever the first ones say; a gate that cannot be judged is not passed. */
export async function runGates(
  evidence: GateEvidence,
  policy: GatePolicy,
  candidacy: Candidacy,
): Promise<Gate[]> {
  const { record } = candidacy.candidate;
  return [
    await artifactGate(evidence, record),
    ...recordGates(policy, candidacy),
    ...(policy.probe ? [await judged('probe', () => judgeProbe(evidence, record))] : []),
    ...(policy.shadow_agreement === undefined
      ? []
      : [await judged('shadow_agreement', () => judgeShadow(evidence, policy, record))]),
    ...(policy.backtest === undefined ? [] : [await judgeBacktest(evidence, policy.backtest, candidacy)]),
    ...(policy.no_critical_drift
      ? [await judged('no_critical_drift', () => judgeDrift(evidence, record))]
      : []),
  ];
}

/** The gates that are judged by what is recorded of the versions alone: no call changes what they say. */
export function recordGates(policy: GatePolicy, candidacy: Candidacy): Gate[] {
  return [
    ...metricGates(policy, candidacy),
    ...(policy.require_staging || policy.min_hours_in_staging !== undefined
      ? [stagingGate(policy, candidacy)]
      : []),
    ...(policy.signature ? [signatureGate(candidacy)] : []),
  ];
}

function artifactGate(evidence: GateEvidence, record: VersionRecord): Promise<Gate> {
  return judged('artifact_intact', async () => {
    await evidence.verifyArtifact(record);
    return { passed: true, detail: `SHA-256 ${record.artifact.sha256.slice(0, 12)}… verified.` };
  });
}

type Judgement = Omit<Gate, 'name'>;

/** A gate whose evidence fails for a known reason is not passed, and says why. */
async function judged(name: string, judge: () => Promise<Judgement>): Promise<Gate> {
  try {
    return { name, ...(await judge()) };
  } catch (error) {
    // The store that could not be asked says nothing of the version.
    if (!(error instanceof ModelYardError) || error.code === 'STORAGE_UNAVAILABLE') throw error;
    return { name, passed: false, detail: `${error.message} ${error.hint}` };
  }
}

function metricGates(policy: GatePolicy, { candidate, incumbent }: Candidacy): Gate[] {
  const bound = (kind: 'min_metric' | 'max_metric', name: string, limit: number): Gate => {
    const value = candidate.metrics[name];
    const holds = value !== undefined && (kind === 'min_metric' ? value >= limit : value <= limit);
    return {
      name: `${kind}:${name}`,
      passed: holds,
      detail:
        value === undefined
          ? `${candidate.record.version} has no metric ${quotedName(name)}: add it with update_model.`
          : `${quotedName(name)} is ${value}, ${kind === 'min_metric' ? 'at least' : 'at most'} ${limit} is wanted.`,
    };
  };
  return [
    ...Object.entries(policy.min_metrics ?? {}).map(([name, limit]) => bound('min_metric', name, limit)),
    ...Object.entries(policy.max_metrics ?? {}).map(([name, limit]) => bound('max_metric', name, limit)),
    ...Object.entries(policy.not_worse_than_incumbent ?? {}).map(([name, tolerance]) => ({
      name: `not_worse_than_incumbent:${name}`,
      ...compareWithIncumbent(policy, name, tolerance, candidate, incumbent),
    })),
  ];
}

function compareWithIncumbent(
  policy: GatePolicy,
  name: string,
  tolerance: number,
  candidate: Contender,
  incumbent: Incumbent | undefined,
): Judgement {
  if (incumbent === undefined) return { passed: true, detail: 'There is no incumbent.' };
  const direction = directionBy(policy, name);
  if (direction === undefined)
    return {
      passed: false,
      detail: `Whether more ${quotedName(name)} is better is not known: name it in higher_is_better or lower_is_better.`,
    };
  const own = candidate.metrics[name];
  const other = incumbent.metrics[name];
  if (own === undefined || other === undefined) {
    const lacking = own === undefined ? candidate.record.version : incumbent.version;
    return {
      passed: false,
      detail: `${lacking} has no metric ${quotedName(name)}: add it with update_model.`,
    };
  }
  const worseBy = direction === 'higher' ? other - own : own - other;
  return {
    // A tolerance for rounding errors in differences of decimals.
    passed: worseBy <= tolerance + 1e-12 * Math.max(1, Math.abs(own), Math.abs(other)),
    detail: `${quotedName(name)} is ${own}, of the incumbent ${incumbent.version} ${other}: ${worseBy > 0 ? `worse by ${Number(worseBy.toPrecision(6))}, ${tolerance} is allowed` : 'not worse'}.`,
  };
}

/** The policy's direction, or else the one that the name implies. */
function directionBy(policy: GatePolicy, name: string): MetricDirection | undefined {
  if (policy.lower_is_better?.includes(name)) return 'lower';
  return policy.higher_is_better?.includes(name) ? 'higher' : metricDirection(name);
}

function stagingGate(policy: GatePolicy, { candidate, inStagingSince, now }: Candidacy): Gate {
  const name = policy.min_hours_in_staging === undefined ? 'require_staging' : 'min_hours_in_staging';
  if (inStagingSince === undefined)
    return {
      name,
      passed: false,
      detail: `${candidate.record.version} is not in staging: promote it to staging first.`,
    };
  const hours = (now - inStagingSince) / 3_600_000;
  const wanted = policy.min_hours_in_staging ?? 0;
  return {
    name,
    passed: hours >= wanted,
    detail: `In staging for ${hours.toFixed(1)} hours${wanted > 0 ? `, ${wanted} are wanted` : ''}.`,
  };
}

function signatureGate({ candidate, incumbent }: Candidacy): Gate {
  const name = 'signature';
  if (incumbent === undefined) return { name, passed: true, detail: 'There is no incumbent.' };
  const { version, stored } = incumbent;
  if ('damage' in stored)
    return {
      name,
      passed: false,
      detail: `Whether callers of ${version} can call it unchanged cannot be said: ${stored.damage.message} ${stored.damage.hint} Or take this gate out (update_model with gates), or promote with force.`,
    };
  const { breaking } = compareSignatures(stored.record, candidate.record);
  return {
    name,
    passed: breaking.length === 0,
    detail:
      breaking.length === 0
        ? `Callers of ${version} can call it unchanged.`
        : `It breaks callers of ${version}: ${breaking.slice(0, 10).join(' ')}`,
  };
}

async function judgeProbe(evidence: GateEvidence, record: VersionRecord): Promise<Judgement> {
  const failure = await evidence.probeFailure(record);
  return { passed: failure === undefined, detail: failure ?? 'The probe passes.' };
}

async function judgeShadow(
  evidence: GateEvidence,
  { shadow_agreement: wanted = { min: 0, calls: 0 } }: GatePolicy,
  record: VersionRecord,
): Promise<Judgement> {
  const { calls, agreement } = await evidence.shadowAgreement(record);
  return {
    passed: calls >= wanted.calls && agreement !== null && agreement >= wanted.min,
    detail: `As a shadow it agreed in ${agreement === null ? 'no row' : `${(100 * agreement).toFixed(2)} % of the rows`} of ${calls} calls; ${(100 * wanted.min).toFixed(2)} % of at least ${wanted.calls} are wanted.`,
  };
}

function judgeBacktest(
  evidence: GateEvidence,
  { on, not_worse_by: allowed }: BacktestGate,
  { candidate, incumbent }: Candidacy,
): Promise<Gate> {
  return judged(`backtest:${on}`, async () => {
    if (incumbent === undefined) return { passed: true, detail: 'There is no incumbent.' };
    const { worseBy, detail } = await evidence.backtest(candidate.record, incumbent.version, on);
    if (worseBy === null) return { passed: false, detail: `It cannot be judged: ${detail}` };
    // A tolerance for rounding errors in differences of decimals.
    const passed = worseBy <= allowed + 1e-12;
    return {
      passed,
      detail: `${detail} At worst it is worse by ${Number(worseBy.toPrecision(4))}; ${allowed} is allowed.`,
    };
  });
}

async function judgeDrift(evidence: GateEvidence, record: VersionRecord): Promise<Judgement> {
  const drifted = await evidence.criticalDrift(record);
  return {
    passed: drifted.length === 0,
    detail:
      drifted.length === 0
        ? 'Nothing of the last 24 hours has drifted critically.'
        : `Drifted critically in the last 24 hours: ${drifted.slice(0, 10).join(', ')}.`,
  };
}
