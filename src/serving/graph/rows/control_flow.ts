import { attributeField } from '../fields.ts';
import { type Graph, type GraphNode, readInnerGraph } from '../read_graph.ts';
import { type Flow, fixed, holdsRowCount, isMixed, moved, sameRows, type Value } from './flow.ts';
import { attributeSpan, fresh, partAt } from './node.ts';
import { inner, look, type Scope, stepOf, type Walk } from './scope.ts';
import { numberOf, type Size, sameSize } from './sizes.ts';
import { fromFront, type Step } from './step.ts';

export function isControl(domain: string, { operator }: GraphNode): boolean {
  return domain === '' && (operator === 'If' || operator === 'Loop' || operator === 'Scan');
}

/** The outputs of a branch or loop, found by following its bodies; undefined: not known. */
export function control(
  walk: Walk,
  scope: Scope,
  node: GraphNode,
  inputs: Step['inputs'],
): readonly Value[] | undefined {
  const step = stepOf(walk, scope, node, inputs);
  if (node.operator === 'If') return branch(walk, scope, node, step);
  if (node.operator === 'Loop') return loop(walk, scope, node, step);
  return scan(walk, scope, node, step);
}

function graphAt(walk: Walk, scope: Scope, node: GraphNode, name: string): Graph | undefined {
  const { bytes } = walk.graph;
  const span = attributeSpan(bytes, node, name, scope.given);
  const part = span && partAt(bytes, span, attributeField.graph);
  return part && readInnerGraph(bytes, part);
}

/** The outputs of a body for these inputs of its own. */
function outputsOf(walk: Walk, scope: Scope, body: Graph, inputs: readonly Value[]): Value[] {
  const inside = inner(scope);
  body.inputs.forEach(({ name }, at) => {
    inside.values.set(name, inputs[at] ?? { mixed: 'an input of a body that is left out' });
  });
  walk.follow(walk, inside, body);
  return body.outputs.map(({ name }) => look(inside, name) ?? { mixed: 'a tensor that nothing makes' });
}

/** The same branch for every row. */
function branch(walk: Walk, scope: Scope, node: GraphNode, step: Step): Value[] | undefined {
  const [condition] = step.inputs;
  if (condition === undefined || condition.rows || condition.ownRow || holdsRowCount(condition))
    return undefined;
  const chosen = numberOf(condition.elements?.[0]);
  const names =
    chosen === undefined ? ['then_branch', 'else_branch'] : [chosen === 0 ? 'else_branch' : 'then_branch'];
  const results: Value[][] = [];
  for (const name of names) {
    const body = graphAt(walk, scope, node, name);
    if (body === undefined) return undefined;
    results.push(outputsOf(walk, scope, body, []));
  }
  const [one = [], other] = results;
  return other === undefined ? one : one.map((value, at) => either(value, other[at] ?? { mixed: 'If' }));
}

/** A tensor that is either of two, depending on a condition. */
function either(a: Value, b: Value): Value {
  if (isMixed(a)) return a;
  if (isMixed(b)) return b;
  if (holdsRowCount(a) || holdsRowCount(b) || a.ownRow || b.ownRow) return { mixed: 'If' };
  if (a.dims === undefined || b.dims === undefined || a.dims.length !== b.dims.length)
    return a.rows || b.rows ? { mixed: 'If' } : fixed(undefined);
  if ((a.rows || b.rows) && !sameRows(a, b)) return { mixed: 'If' };
  return moved(
    a,
    a.dims.map((one, at) => widened(one, b.dims?.[at])),
  );
}

function widened(one: Size, other: Size | undefined): Size {
  return other !== undefined && sameSize(one, other) ? one : fresh();
}

/** A loop with the same number of iterations for every row; the rows of carried tensors must stay on their axis. */
function loop(walk: Walk, scope: Scope, node: GraphNode, step: Step): Value[] | undefined {
  const [count, condition, ...initial] = step.inputs;
  const body = graphAt(walk, scope, node, 'body');
  if (
    body === undefined ||
    [count, condition].some((one) => one && (one.rows || one.ownRow || holdsRowCount(one)))
  )
    return undefined;
  if (initial.some((one) => one === undefined || one.ownRow || holdsRowCount(one))) return undefined;
  const carried = initial.flatMap((one) => one ?? []).map((one): Flow => ({ ...one, elements: undefined }));
  const turned = untilSteady(carried, (state) => {
    const [again, ...results] = outputsOf(walk, scope, body, [fixed([]), fixed([]), ...state]);
    const ends = again === undefined || isMixed(again) || again.rows || again.ownRow || holdsRowCount(again);
    return ends ? undefined : results;
  });
  if (turned === undefined) return undefined;
  return [...turned.carried, ...turned.rest.map((value) => stacked(value, 0, fresh()))];
}

/** The outputs of all iterations along a new axis. */
function stacked(value: Value, axis: number, length: Size): Value {
  if (isMixed(value)) return value;
  if (value.dims === undefined) return value.rows ? { mixed: 'a loop' } : fixed(undefined);
  if (holdsRowCount(value) || value.ownRow) return { mixed: 'a loop' };
  const at = axis < 0 ? axis + value.dims.length + 1 : axis;
  const { rows } = value;
  return moved(
    value,
    value.dims.toSpliced(at, 0, length),
    rows && (rows.axis >= at ? rows.axis + 1 : rows.axis),
  );
}

/** Follows a body until the carried tensors are the same before and after it, apart from unknown sizes. */
function untilSteady(
  initial: readonly Flow[],
  turn: (state: readonly Flow[]) => readonly Value[] | undefined,
): { carried: Flow[]; rest: readonly Value[] } | undefined {
  let state = [...initial];
  const open = new Set<string>();
  for (let turns = 0; turns < 8; turns++) {
    const results = turn(state);
    if (results === undefined) return undefined;
    let isSteady = true;
    const next: Flow[] = [];
    for (const [at, before] of state.entries()) {
      const after = results[at];
      if (after === undefined || isMixed(after) || after.ownRow || holdsRowCount(after)) return undefined;
      if (before.dims === undefined || after.dims === undefined || before.dims.length !== after.dims.length) {
        if (before.rows || after.rows) return undefined;
        if (before.dims !== undefined) isSteady = false;
        next.push(fixed(undefined));
        continue;
      }
      if ((before.rows || after.rows) && !sameRows(before, after)) return undefined;
      const dims = before.dims.map((one, axis) => {
        const key = `${at}:${axis}`;
        const other = after.dims?.[axis];
        if (open.has(key) || (other !== undefined && sameSize(one, other))) return one;
        open.add(key);
        isSteady = false;
        return fresh();
      });
      next.push(moved(before, dims));
    }
    if (isSteady) return { carried: next, rest: results.slice(state.length) };
    state = next;
  }
  return undefined;
}

/**
 * A Scan: step by step along an axis of the scanned inputs. If that is not the axis of the rows, the body is followed
 * as usual; if it is, each step has one row, of which nothing may be carried to the next step.
 */
function scan(walk: Walk, scope: Scope, node: GraphNode, step: Step): Value[] | undefined {
  const body = graphAt(walk, scope, node, 'body');
  const scannedCount = step.integer('num_scan_inputs');
  if (body === undefined || scannedCount === undefined || step.opset < 9) return undefined;
  const all = step.inputs.flatMap((input) => input ?? []);
  if (all.length !== step.inputs.length || all.some((one) => one.ownRow || holdsRowCount(one)))
    return undefined;
  const initial = all
    .slice(0, all.length - scannedCount)
    .map((one): Flow => ({ ...one, elements: undefined }));
  const scanned = all.slice(all.length - scannedCount);
  const axes = scanned.map((one, at) => fromFront(step.integers('scan_input_axes')?.[at] ?? 0, one.dims));
  const outAxes = step.integers('scan_output_axes') ?? [];
  const outDirections = step.integers('scan_output_directions') ?? [];
  const alongRows = scanned.filter((one, at) => one.rows !== undefined && one.rows.axis === axes[at]);
  const length = scanned[0]?.dims?.[axes[0] ?? -1] ?? fresh();
  const [own] = alongRows;
  if (own !== undefined) {
    const isBackwards = [...(step.integers('scan_input_directions') ?? []), ...outDirections].some(
      (one) => one !== 0,
    );
    if (alongRows.length !== scanned.length || isBackwards || initial.some(({ rows }) => rows))
      return undefined;
    const ownLength = own.dims?.[own.rows?.axis ?? 0];
    if (!scanned.every((one) => sameSize(one.dims?.[one.rows?.axis ?? 0] ?? fresh(), ownLength ?? fresh())))
      return undefined;
    if (!scanned.every((one) => one.rows && own.rows && sameSize(one.rows.outer, own.rows.outer)))
      return undefined;
  }
  const slices = scanned.map((one, at): Flow | undefined => {
    const axis = axes[at];
    if (one.dims === undefined || axis === undefined) return undefined;
    const dims = one.dims.toSpliced(axis, 1);
    if (own !== undefined) return { ...fixed(dims), ownRow: true };
    return moved(one, dims, one.rows && (one.rows.axis > axis ? one.rows.axis - 1 : one.rows.axis));
  });
  if (slices.some((one) => one === undefined)) return undefined;
  const known = slices.flatMap((one) => one ?? []);
  const turned = untilSteady(initial, (state) => outputsOf(walk, scope, body, [...state, ...known]));
  if (turned === undefined) return undefined;
  const stack = turned.rest.map((value, at): Value => {
    const axis = outAxes[at] ?? 0;
    if (own?.rows === undefined || isMixed(value)) return stacked(value, axis, length);
    if (value.dims === undefined || value.rows || holdsRowCount(value)) return { mixed: 'Scan' };
    const place = axis < 0 ? axis + value.dims.length + 1 : axis;
    return {
      dims: value.dims.toSpliced(place, 0, length),
      rows: { axis: place, outer: own.rows.outer },
    };
  });
  return [...turned.carried, ...stack];
}
