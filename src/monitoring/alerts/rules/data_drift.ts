import type { DriftResult, Severity } from '../../drift/index.ts';
import type { AlertSeverity, AlertSubject, Verdict } from '../alert.ts';
import { percent } from './evidence_bounds.ts';

/** Why a column has drifted; changes of missing values are listed apart. */
type DriftedCause = Exclude<NonNullable<DriftResult['cause']>, 'missing'>;

/** The part of a drift report on a version's recent rows that alerts are judged by. */
export interface DriftEvidence {
  referenceId: string;
  /** Current rows. */
  rows: number;
  /** Columns that could be judged. */
  judged: number;
  /** Features and predictions that drifted, strongest first. */
  drifted: { name: string; severity: Severity; cause: DriftedCause }[];
  /** Those with clearly more or fewer missing values; shares of the rows. */
  missing: { name: string; severity: Severity; before: number; now: number }[];
  /** Whether a column has changed significantly, but by less than the smallest effect of a verdict. */
  values: 'near' | 'clean';
}

/** How many columns the summary names, and how many the facts list. */
const namesInSummary = 5;
const namesInFacts = 50;

/** From this share of drifted columns on, the drift is widespread. */
const widespreadShare = 0.3;

/** Two findings at most: one for all drifted columns together, one for all changes of missing shares. */
export function judgeDrift(
  modelId: string,
  version: string,
  evidence: DriftEvidence | undefined,
): [drift: Verdict, missing: Verdict] {
  const subject: AlertSubject = { cause: 'data', modelId, version };
  const quiet = (state: 'near' | 'clean' | 'unknown'): [Verdict, Verdict] => [
    { rule: 'drift', subject, state },
    { rule: 'missing_data', subject, state },
  ];
  if (evidence === undefined || evidence.judged === 0) return quiet('unknown');
  const [drift, missing] = quiet(evidence.values);
  return [driftVerdict(subject, evidence) ?? drift, missingVerdict(subject, evidence) ?? missing];
}

function driftVerdict(
  subject: AlertSubject,
  { drifted, judged, rows, referenceId }: DriftEvidence,
): Verdict | undefined {
  if (drifted.length === 0) return undefined;
  const names = drifted.map(({ name }) => name);
  const isBadData = drifted.some(({ cause }) => cause !== 'values');
  return {
    rule: 'drift',
    subject,
    state: 'firing',
    severity: severityOf(drifted, judged),
    summary: `${drifted.length} of ${judged} features and predictions drifted in ${rows} rows: ${shortened(drifted.map(described))}.${isBadData ? pipelineFirst : ''}`,
    facts: {
      drifted: names.slice(0, namesInFacts),
      drifted_total: names.length,
      judged,
      rows,
      reference_id: referenceId,
    },
  };
}

function missingVerdict(
  subject: AlertSubject,
  { missing, judged, rows, referenceId }: DriftEvidence,
): Verdict | undefined {
  if (missing.length === 0) return undefined;
  const shares = missing.map(
    ({ name, before, now }) => `${quoted(name)} (${percent(before)} → ${percent(now)})`,
  );
  return {
    rule: 'missing_data',
    subject,
    state: 'firing',
    severity: severityOf(missing, judged),
    summary: `The share of missing values changed in ${missing.length} feature${missing.length === 1 ? '' : 's'}: ${shortened(shares)}.${pipelineFirst}`,
    facts: {
      features: missing.slice(0, namesInFacts).map(({ name, before, now }) => ({ name, before, now })),
      features_total: missing.length,
      rows,
      reference_id: referenceId,
    },
  };
}

const pipelineFirst = ' Check the data pipeline before the model.';

/** Critical when the drift is widespread and severe in at least one column. */
function severityOf(columns: readonly { severity: Severity }[], judged: number): AlertSeverity {
  const isWidespread = columns.length > 1 && columns.length / judged >= widespreadShare;
  if (isWidespread && columns.some(({ severity }) => severity === 'high')) return 'critical';
  return columns.some(({ severity }) => severity === 'moderate' || severity === 'high') ? 'warning' : 'info';
}

const causes: Record<DriftedCause, string> = {
  values: '',
  unseen: ' (values never seen before)',
  absent: ' (absent)',
  type: ' (another type)',
};

function described({ name, cause }: DriftEvidence['drifted'][number]): string {
  return quoted(name) + causes[cause];
}

function shortened(texts: readonly string[]): string {
  return texts.slice(0, namesInSummary).join(', ') + (texts.length > namesInSummary ? ', …' : '');
}

/** Names of features come from outside: they are quoted and shortened. */
function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 60));
}
