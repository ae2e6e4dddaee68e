import { readFileSync } from 'node:fs';
import {
  attributeField,
  graphField,
  modelField,
  nodeField,
  opsetField,
  typeField,
  valueField,
} from '../../../src/serving/graph/fields.ts';
import { bytesField, varintField } from '../../../src/serving/graph/wire.ts';
import { modelFile } from '../../models/model_file.ts';

/** Hand-made parts of ONNX files, for what no exporter writes. */
export const bytesOfModel = (name: string): Uint8Array => readFileSync(modelFile(name));

export const join = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts);

export function node(operator: string, inputs: string[], outputs: string[], ...attributes: Uint8Array[]) {
  return bytesField(
    graphField.node,
    join(
      ...inputs.map((name) => bytesField(nodeField.input, name)),
      ...outputs.map((name) => bytesField(nodeField.output, name)),
      bytesField(nodeField.operator, operator),
      ...attributes.map((attribute) => bytesField(nodeField.attribute, attribute)),
    ),
  );
}

export function integers(name: string, values: number[]): Uint8Array {
  return join(
    bytesField(attributeField.name, name),
    ...values.map((value) => varintField(attributeField.integers, value)),
  );
}

export function tensorOutput(name: string): Uint8Array {
  return bytesField(
    graphField.output,
    join(
      bytesField(valueField.name, name),
      bytesField(valueField.type, bytesField(typeField.tensor, varintField(1, 1))),
    ),
  );
}

export function sequenceOutput(name: string): Uint8Array {
  return bytesField(
    graphField.output,
    join(
      bytesField(valueField.name, name),
      bytesField(valueField.type, bytesField(typeField.sequence, new Uint8Array())),
    ),
  );
}

export function model(...graphParts: Uint8Array[]): Uint8Array {
  return join(
    varintField(1, 8),
    bytesField(modelField.opset, varintField(opsetField.version, 18)),
    bytesField(modelField.graph, join(...graphParts)),
  );
}
