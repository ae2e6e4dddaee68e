import type { AlertSeverity, AlertSubject, Verdict } from '../alert.ts';
import { percent } from './evidence_bounds.ts';

type DriftSeverity = 'none' | 'low' | 'moderate' | 'high';

/** What a drift report says of a version's recent rows, as far as alerts want it. */
export interface DriftEvidence {
  referenceId: string;
  /** Current rows. */
  rows: number;
  /** Columns that could be judged. */
  judged: number;
  /** Features and predictions whose values drifted, strongest first. */
  drifted: { name: string; severity: DriftSeverity }[];
  /** Those with clearly more or fewer missing values; shares of the rows. */
  missing: { name: string; severity: DriftSeverity; before: number; now: number }[];
  /** Whether a column has moved with evidence, though not as far as a verdict asks for. */
  values: 'near' | 'clean';
}

/** Names that a summary holds, and that the facts hold. */
const namesInSummary = 5;
const namesInFacts = 50;

/** From this share of drifted columns on, with a strong one among them, the inputs as a whole are others. */
const widespreadShare = 0.3;

/** However many columns drift together, it is one finding that names them; missing values are the other. */
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
  const share = drifted.length / judged;
  const names = drifted.map(({ name }) => name);
  const isWidespread = share >= widespreadShare && drifted.length > 1;
  const gravest = drifted.some(({ severity }) => severity === 'high') && isWidespread;
  return {
    rule: 'drift',
    subject,
    state: 'firing',
    severity: gravest ? 'critical' : severityOf(drifted),
    summary: `${drifted.length} of ${judged} features and predictions drifted in ${rows} rows: ${listed(names)}.`,
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
  { missing, rows, referenceId }: DriftEvidence,
): Verdict | undefined {
  if (missing.length === 0) return undefined;
  const described = missing.map(
    ({ name, before, now }) => `${quoted(name)} (${percent(before)} → ${percent(now)})`,
  );
  return {
    rule: 'missing_data',
    subject,
    state: 'firing',
    severity: severityOf(missing),
    summary: `The share of missing values changed in ${missing.length} features: ${shortened(described)}.`,
    facts: {
      features: missing.slice(0, namesInFacts).map(({ name, before, now }) => ({ name, before, now })),
      features_total: missing.length,
      rows,
      reference_id: referenceId,
    },
  };
}

function severityOf(columns: readonly { severity: DriftSeverity }[]): AlertSeverity {
  return columns.some(({ severity }) => severity === 'moderate' || severity === 'high') ? 'warning' : 'info';
}

function listed(names: readonly string[]): string {
  return shortened(names.map(quoted));
}

function shortened(texts: readonly string[]): string {
  return texts.slice(0, namesInSummary).join(', ') + (texts.length > namesInSummary ? ', …' : '');
}

/** Names of features are foreign text. */
function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 60));
}
