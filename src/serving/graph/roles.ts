import type { InspectedOutput } from '../../registry/model_inspector.ts';
import type { TensorSpec } from '../../registry/signature.ts';
import { isFloat } from '../../tensors/datatypes.ts';
import { canBeLabel, columnsOf } from '../codec/reading.ts';
import type { ClassCode } from './attributes.ts';
import { belongTogether, decidingScores, type LabelOrigin, labelOrigin, zipMapClasses } from './labels.ts';
import { isByVotes, isRaw } from './raw_scores.ts';
import type { Graph } from './read_graph.ts';
import { nonTensorOrigin } from './upstream.ts';

/**
 * Says of every output what it is in a prediction, from the way the graph computes it. A label comes out of a
 * classifier, or is picked as the largest of scores; the probabilities are the scores that belong to it, unless
 * the graph shows that they can be none. Anomaly detectors, clusterers and multi-label classifiers, whose label
 * is not one of some classes, are known by the name that their converter gives it: `label`.
 * @param outputs the tensors of the serving graph.
 */
export function assignRoles(graph: Graph, outputs: readonly TensorSpec[]): InspectedOutput[] {
  const found = findClassifier(graph, outputs);
  if (found !== undefined) return outputs.map((spec) => inClassifier(found, spec));
  const label = outputs.find((spec) => isNamedLabel(spec));
  if (label !== undefined && outputs.some(({ datatype }) => isFloat(datatype)))
    return outputs.map((spec) => ({ ...spec, role: spec === label ? 'label' : 'scores' }));
  return outputs.map((spec) => ({
    ...spec,
    ...(isFloat(spec.datatype) && isRaw(graph, spec.name) && { raw: true as const }),
  }));
}

interface Classifier {
  label: TensorSpec | undefined;
  classes: ClassCode[];
  probabilities: TensorSpec[];
  /** The output that decides the label. */
  decidedBy: string | undefined;
}

function findClassifier(graph: Graph, outputs: readonly TensorSpec[]): Classifier | undefined {
  const floats = outputs.filter(({ datatype }) => isFloat(datatype));
  const mapped = floats.flatMap((spec) => {
    const node = nonTensorOrigin(graph, spec.name);
    return node?.operator === 'ZipMap' ? [{ spec, classes: zipMapClasses(graph, node) }] : [];
  });
  const [label] = outputs.filter(canBeLabel).flatMap((spec) => {
    const origin = labelOrigin(graph, spec.name);
    return origin === undefined ? [] : [{ spec, origin }];
  });
  const [map] = mapped;
  const decidedBy =
    label &&
    decidingScores(
      graph,
      label.origin,
      floats.map(({ name }) => name),
    );
  const isVoted = label !== undefined && isByVotes(graph, label.origin.tensor);
  if (map !== undefined)
    return {
      label: label?.spec ?? outputs.find(canBeLabel),
      classes: map.classes,
      probabilities: isVoted || isRaw(graph, map.spec.name) ? [] : [map.spec],
      decidedBy,
    };
  if (label === undefined) return undefined;
  const { classes } = label.origin;
  const probabilities = isVoted ? [] : probabilitiesOf(graph, label.origin, floats);
  return { label: label.spec, classes, probabilities, decidedBy };
}

/** The output with one column a class, or the outputs that are a column each. */
function probabilitiesOf(graph: Graph, origin: LabelOrigin, floats: readonly TensorSpec[]): TensorSpec[] {
  const { length } = origin.classes;
  const candidates = floats.filter(
    (spec) => belongTogether(graph, origin, spec.name) && !isRaw(graph, spec.name),
  );
  const whole = candidates.find((spec) => {
    const columns = columnsOf(spec);
    return columns === undefined
      ? spec.shape.length < 3
      : columns > 1 && (length === 0 || columns === length);
  });
  if (whole !== undefined) return [whole];
  const single = candidates.filter((spec) => columnsOf(spec) === 1);
  return length > 0 && single.length === length ? single : [];
}

function inClassifier(
  { label, classes, probabilities, decidedBy }: Classifier,
  spec: TensorSpec,
): TensorSpec {
  const role = spec === label ? 'label' : probabilities.includes(spec) ? 'probabilities' : 'scores';
  const isFirst = spec === (label ?? probabilities[0] ?? spec);
  return {
    ...spec,
    role,
    ...(isFirst && classes.length > 0 && { classes }),
    ...(spec === label && decidedBy !== undefined && { decided_by: decidedBy }),
  };
}

function isNamedLabel({ name, datatype, shape }: TensorSpec): boolean {
  return /(^|_)label$/i.test(name) && !isFloat(datatype) && shape.length <= 2;
}
