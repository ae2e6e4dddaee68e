import type { GraphValue } from './read_graph.ts';

/**
 * Where an output has its rows, by the names of the dimensions in the file. A number: on that axis. `call`: nowhere, the
 * output belongs to all rows together. `otherwise`: its first dimension is named unlike the inputs' rows, which means
 * `call` unless runs show that the two sizes are always equal. Undefined: the names tell nothing.
 */
export type NamedRows = number | 'call' | 'otherwise' | undefined;

/** What stands for "no name" in the files of some converters. */
const nameless = /^(\?|None|N\/A|-1)?$/;
/**
 * Names that converters make up, another one for every dimension: tf2onnx, torch.onnx, Paddle, shape inference. The
 * same one twice means the same size; two of them need not differ.
 */
const madeUp = /^(unk_|s\d+$|u\d+$|DynamicDimension|dynamic_axes)|_dim_\d+(_|$)/i;

const isName = (name: string | undefined): name is string => name !== undefined && !nameless.test(name);
const isChosen = (name: string | undefined): name is string => isName(name) && !madeUp.test(name);

/** Reads where each output has its rows from the names of dimensions; the rows of the inputs are their first. */
export function namedRows(
  inputs: readonly GraphValue[],
  outputs: readonly GraphValue[],
): ReadonlyMap<string, NamedRows> {
  const firsts = inputs.map(({ dimensionNames }) => dimensionNames[0]);
  const areFree = inputs.length > 0 && inputs.every(({ shape }) => shape?.[0] === -1);
  const areFixed = inputs.length > 0 && inputs.every(({ shape }) => (shape?.[0] ?? -1) > 0);
  const rows = firsts.every((name) => name === firsts[0]) && isName(firsts[0]) ? firsts[0] : undefined;
  // Inputs whose first dimensions have different names, such as texts and images, have no rows in common.
  const differ = firsts.every(isChosen) && rows === undefined;
  const rowsOf = ({ shape, dimensionNames }: GraphValue): NamedRows => {
    const [first] = dimensionNames;
    if (areFixed) return shape?.[0] === -1 && isChosen(first) ? 'call' : undefined;
    if (!areFree) return undefined;
    if (differ) return 'call';
    if (rows === undefined) return undefined;
    const axis = dimensionNames.indexOf(rows);
    if (axis !== -1) return axis;
    return isChosen(rows) && isChosen(first) ? 'otherwise' : undefined;
  };
  return new Map(outputs.map((output) => [output.name, rowsOf(output)]));
}
