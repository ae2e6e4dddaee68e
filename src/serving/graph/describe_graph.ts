import type { ModelOrigin } from '../../registry/model_inspector.ts';
import type { TensorSpec } from '../../registry/signature.ts';
import { datatypeOfRuntime } from '../../tensors/datatypes.ts';
import type { ValueMetadata } from '../engine/protocol.ts';
import { type KnownInput, knownInputs } from './known_inputs.ts';
import { takesMissing } from './missing_values.ts';
import { namedRows } from './named_rows.ts';
import type { Graph } from './read_graph.ts';
import { assignRoles } from './roles.ts';

const maxProducerLength = 200;
const maxOpsets = 50;

/** Who wrote the file, and for which operators, as it says: any text may stand there. */
export function describeOrigin({ producer, producerVersion, opsets }: Graph): ModelOrigin {
  const said = `${producer} ${producerVersion}`.replace(/[\p{C}\s]+/gu, ' ').trim();
  return {
    producer: said === '' ? null : said.slice(0, maxProducerLength),
    opsets: [...opsets]
      .slice(0, maxOpsets)
      .map(([domain, version]) => [domain.slice(0, maxProducerLength), version]),
  };
}

/** Adds what the graph says to the runtime's description: open ranks, the outputs' roles, missing values, categories. */
export function describeGraph(
  graph: Graph,
  inputs: readonly ValueMetadata[],
  outputs: readonly ValueMetadata[],
): { inputs: ValueMetadata[]; outputs: ValueMetadata[]; takesMissing: boolean; known: KnownInput[] } {
  const unranked = new Set(
    [...graph.inputs, ...graph.outputs].filter(({ shape }) => shape === undefined).map(({ name }) => name),
  );
  const ranked = (value: ValueMetadata): ValueMetadata =>
    value.isTensor && value.shape.length === 0 && unranked.has(value.name)
      ? { ...value, unranked: true }
      : value;
  const described = outputs.map(ranked);
  const roles = new Map(assignRoles(graph, described.flatMap(specOf)).map((spec) => [spec.name, spec]));
  const named = new Set(inputs.map(({ name }) => name));
  const rows = namedRows(
    graph.inputs.filter(({ name }) => named.has(name)),
    graph.outputs,
  );
  return {
    inputs: inputs.map(ranked),
    outputs: described.map((output) => {
      const { role, raw, classes, decided_by } = roles.get(output.name) ?? {};
      const namedRow = rows.get(output.name);
      return {
        ...output,
        ...(role && { role }),
        ...(raw && { raw }),
        ...(classes && { classes }),
        ...(decided_by !== undefined && { decided_by }),
        ...(namedRow !== undefined && { namedRows: namedRow }),
      };
    }),
    takesMissing: takesMissing(graph),
    known: knownInputs(graph),
  };
}

function specOf({ name, isTensor, type, shape, unranked }: ValueMetadata): TensorSpec[] {
  const datatype = isTensor ? datatypeOfRuntime(type) : undefined;
  return datatype === undefined ? [] : [{ name, datatype, shape, ...(unranked && { unranked }) }];
}
