"""Writes small graphs in rows/, whose rows are independent of one another or not, by construction.

    python make_row_graphs.py            write every graph and rows/expected.json
    python make_row_graphs.py --check    rebuild in memory and compare with the committed files

expected.json says of each `independent`, `dependent`, or `unproven`: independent, but by a way that is not followed.
The tests run every one of them alone and in company.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, parser

HERE = Path(__file__).resolve().parent / "rows"
files = {}
expected = {}
OPSETS = '"" : 18, "ai.onnx.ml" : 3, "com.microsoft" : 1, "own" : 1'


def weight(name, *shape):
    seed = sum(ord(letter) for letter in name) + len(shape)
    return numpy_helper.from_array(np.random.default_rng(seed).normal(size=shape).astype(np.float32).round(3), name)


def ints(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def scalar(name, value, dtype=np.int64):
    return numpy_helper.from_array(np.array(value, dtype), name)


def graph(name, verdict, inputs, outputs, body, constants=(), functions="", opsets=OPSETS):
    text = f'<ir_version: 8, opset_import: [{opsets}], producer_name: "modelyard tests"> {name} ({inputs}) => ({outputs}) {{ {body} }} {functions}'
    model = parser.parse_model(text)
    model.graph.initializer.extend(constants)
    onnx.checker.check_model(model)
    assert name not in files, name
    files[name] = model.SerializeToString(deterministic=True)
    expected[name] = verdict


YES, NO, UNPROVEN = "independent", "dependent", "unproven"
X = "float[N,4] x"
Y = "float[N,4] y"
w44, w4 = weight("w", 4, 4), weight("b", 4)

# ---------------------------------------------------------------- rows are apart

graph("mlp", YES, X, "float[N,3] y", "h = Gemm<transB=1>(x, w, b) r = Relu(h) g = MatMul(r, v) y = Softmax<axis=1>(g)", [w44, w4, weight("v", 4, 3)])
graph("softmax_last", YES, X, Y, "y = Softmax<axis=-1>(x)")
graph("softmax_opset_11", YES, X, Y, "y = Softmax<axis=1>(x)", opsets='"" : 11')
graph("reduce_columns", YES, X, "float[N] y", "m = ReduceMean<keepdims=1>(x, axes) c = Sub(x, m) y = ReduceSumSquare<keepdims=0>(c, axes)", [ints("axes", 1)])
graph("weights_first", YES, X, Y, "t = Transpose(x) p = MatMul(w, t) y = Transpose(p)", [w44])
graph("gemm_trans_a", YES, X, Y, "t = Transpose(x) y = Gemm<transA=1>(t, w, b)", [w44, w4])
graph("cumsum_columns", YES, X, Y, "y = CumSum(x, axis)", [scalar("axis", 1)])
graph("conv_flatten", YES, "float[N,1,6,6] x", "float[N,3] y", "c = Conv<kernel_shape=[3,3]>(x, k) p = MaxPool<kernel_shape=[2,2]>(c) n = BatchNormalization(p, s, o, m, q) f = Flatten(n) y = MatMul(f, v)", [weight("k", 2, 1, 3, 3), weight("s", 2), weight("o", 2), weight("m", 2), numpy_helper.from_array(np.array([1, 2], np.float32), "q"), weight("v", 18, 3)])
graph("layer_norm", YES, "float[N,S,4] x", "float[N,S,4] y", "y = LayerNormalization<axis=-1>(x, s, b)", [weight("s", 4), w4])
graph("instance_norm", YES, "float[N,4,5] x", "float[N,4,5] y", "y = InstanceNormalization(x, s, b)", [weight("s", 4), w4])
graph("embedding", YES, "int64[N,S] x", "float[N,3] y", "e = Gather(table, x) y = ReduceMean<keepdims=0>(e, axes)", [weight("table", 5, 3), ints("axes", 1)])
ATTENTION = """
  s = Shape(x) n = Gather(s, i0) l = Gather(s, i1) n1 = Unsqueeze(n, a0) l1 = Unsqueeze(l, a0)
  parted = Concat<axis=0>(n1, l1, heads, width) joined = Concat<axis=0>(n1, l1, all)
  q = MatMul(x, wq) k = MatMul(x, wk) v = MatMul(x, wv)
  q4 = Reshape(q, parted) k4 = Reshape(k, parted) v4 = Reshape(v, parted)
  qt = Transpose<perm=[0,2,1,3]>(q4) kt = Transpose<perm=[0,2,3,1]>(k4) vt = Transpose<perm=[0,2,1,3]>(v4)
  scores = MatMul(qt, kt) p = Softmax<axis=-1>(scores) c = MatMul(p, vt)
  ct = Transpose<perm=[0,2,1,3]>(c) o = Reshape(ct, joined) r = Add(o, x) y = LayerNormalization(r, g, b)
"""
attention_weights = [weight("wq", 4, 4), weight("wk", 4, 4), weight("wv", 4, 4), weight("g", 4), w4, scalar("i0", 0), scalar("i1", 1), ints("a0", 0), ints("heads", 2), ints("width", 2), ints("all", 4)]
graph("attention", YES, "float[N,S,4] x", "float[N,S,4] y", ATTENTION, attention_weights)
graph(
    "attention_time_major_inside", YES, "float[N,3,4] x", "float[N,3,4] y",
    """
    t = Transpose<perm=[1,0,2]>(x) s = Shape(t) n = Gather(s, i1) n1 = Unsqueeze(n, a0)
    n2 = Mul(n1, heads) parted = Concat<axis=0>(three, n2, width) flat = Concat<axis=0>(minus, all) back = Concat<axis=0>(three, n1, all)
    q = Reshape(t, parted) qt = Transpose<perm=[1,0,2]>(q) kt = Transpose<perm=[0,2,1]>(qt)
    e = MatMul(qt, kt) p = Softmax<axis=-1>(e) c = MatMul(p, qt) ct = Transpose<perm=[1,0,2]>(c)
    f = Reshape(ct, flat) h = Gemm(f, wq, b) r = Reshape(h, back) y = Transpose<perm=[1,0,2]>(r)
    """,
    [*attention_weights, ints("three", 3), ints("minus", -1)],
)
RNN = [weight("w", 1, 8, 3), weight("r", 1, 8, 2)]
graph("lstm_rows_second", YES, "float[N,5,3] x", "float[N,2] y", "t = Transpose<perm=[1,0,2]>(x) all, last, cell = LSTM<hidden_size=2>(t, w, r) y = Squeeze(last, a0)", [*RNN, ints("a0", 0)])
graph("lstm_state_of_shape", YES, "float[N,5,3] x", "float[N,2] y", "s = Shape<start=0,end=1>(x) sh = Concat<axis=0>(one, s, two) z = ConstantOfShape(sh) t = Transpose<perm=[1,0,2]>(x) all, last, cell = LSTM<hidden_size=2>(t, w, r, , , z, z) y = Squeeze(last, a0)", [*RNN, ints("a0", 0), ints("one", 1), ints("two", 2)])
graph("function_by_row", YES, X, Y, "y = own.centre<along=1>(x)", functions='<domain: "own", opset_import: ["" : 18]> centre <along> (v) => (c) { a = Constant<value_int: int = @along>() l = Constant<value_ints=[-1]>() axes = Reshape(a, l) m = ReduceMean<keepdims=1>(v, axes) c = Sub(v, m) }')
graph("if_same_for_all", YES, X, Y, "s = Shape<start=1>(x) t = Greater(s, two) y = If(t) <then_branch = a () => (float[N,4] p) { p = Mul(x, x) }, else_branch = b () => (float[N,4] q) { q = Neg(x) }>", [ints("two", 2)])
graph("loop_by_row", YES, X, Y, "y = Loop(turns, , x) <body = turn (int64 i, bool c, float[N,4] v) => (bool d, float[N,4] u) { d = Identity(c) m = MatMul(v, w) u = Tanh(m) }>", [w44, scalar("turns", 3)])
graph("scan_of_columns", YES, X, "float[N] y", "z = ReduceSum<keepdims=0>(x, axes) y, all = Scan<num_scan_inputs=1, scan_input_axes=[1], body = turn (float[N] a, float[N] v) => (float[N] b, float[N] k) { h = Mul(a, v) b = Tanh(h) k = Identity(b) }>(z, x)", [ints("axes", 1)])
graph("scan_of_rows", YES, X, "float[N,5] y", "same, y = Scan<num_scan_inputs=1, body = turn (float[5,4] a, float[4] v) => (float[5,4] b, float[5] k) { b = Identity(a) d = Sub(a, v) k = ReduceSumSquare<keepdims=0>(d, one) }>(centres, x)", [weight("centres", 5, 4), ints("one", 1)])
graph("nearest", YES, X, "float[N,2] y", 'd = com.microsoft.CDist<metric="euclidean">(x, centres) y, at = TopK<largest=0>(d, two)', [weight("centres", 5, 4), ints("two", 2)])
graph("einsum_rows", YES, "float[N,3,4] x", "float[N,3,2] y", 'y = Einsum<equation="nik,kj->nij">(x, v)', [weight("v", 4, 2)])
graph("static_int8", YES, X, "float[N,4] y", "q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) y = MatMul(d, w)", [w44, scalar("s", 0.5, np.float32), scalar("z", 3, np.uint8)])
graph("expanded_token", YES, "float[N,3,4] x", "float[N,4,4] y", "s = Shape<start=0,end=1>(x) t = Concat<axis=0>(s, ones) c = Expand(token, t) y = Concat<axis=1>(c, x)", [weight("token", 1, 1, 4), ints("ones", 1, 1)])
graph("tables_of_ml", YES, X, "float[N,7] y", 's = ai.onnx.ml.Scaler<offset=[1.0,0.0,0.5,2.0],scale=[1.0,2.0,0.5,1.0]>(x) n = ai.onnx.ml.Normalizer<norm="L2">(s) r = ai.onnx.ml.LinearRegressor<coefficients=[1.0,2.0,3.0,4.0],intercepts=[0.5]>(n) p = ai.onnx.ml.FeatureVectorizer<inputdimensions=[4,1]>(n, r) h = ai.onnx.ml.ArrayFeatureExtractor(p, cols) y = Concat<axis=1>(p, h)', [ints("cols", 0, 4)])
graph("resized", YES, "float[N,1,2,2] x", "float[N,1,4,4] y", 'y = Resize<mode="nearest">(x, , scales)', [numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")])
graph("fixed_rows", YES, "float[4,3] x", "float[4,6] y", "r = Reshape(x, shape) t = Softmax<axis=-1>(r) d = Concat<axis=1>(x, x) y = Mul(d, two)", [ints("shape", 4, 3), scalar("two", 2, np.float32)])

# ---------------------------------------------------------------- rows are not apart

graph("mean_centred", NO, X, Y, "m = ReduceMean<keepdims=1>(x, axes) y = Sub(x, m)", [ints("axes", 0)])
graph("by_largest_of_run", NO, X, Y, "m = ReduceMax<keepdims=1>(x) y = Div(x, m)")
graph("softmax_of_rows", NO, X, Y, "y = Softmax<axis=0>(x)")
graph("softmax_opset_11_of_rows", NO, X, Y, "y = Softmax<axis=0>(x)", opsets='"" : 11')
graph("cumsum_of_rows", NO, X, Y, "y = CumSum(x, axis)", [scalar("axis", 0)])
graph("dynamic_int8", NO, X, Y, "q, s, z = DynamicQuantizeLinear(x) y = DequantizeLinear(q, s, z)")
graph("rnn_time_first", NO, "float[N,1,3] x", "float[N,1,1,2] y", "y, last = RNN<hidden_size=2>(x, w, r)", [weight("w", 1, 2, 3), weight("r", 1, 2, 2)])
graph("share_of_count", NO, X, Y, "s = Shape<start=0,end=1>(x) f = Cast<to=1>(s) y = Div(x, f)")
graph("place_in_run", NO, X, Y, "s = Shape(x) n = Gather(s, zero) r = Range(zero, n, one) f = Cast<to=1>(r) u = Unsqueeze(f, last) y = Add(x, u)", [scalar("zero", 0), scalar("one", 1), ints("last", -1)])
graph("rows_by_rows", NO, X, Y, "t = Transpose(x) k = MatMul(x, t) p = Softmax<axis=-1>(k) y = MatMul(p, x)")
graph("pairs_of_rows", NO, X, Y, "r = Reshape(x, wide) p = CumSum(r, axis) y = Reshape(p, four)", [ints("wide", 1, -1), ints("four", -1, 4), scalar("axis", 1)])
graph("first_row_for_all", NO, X, Y, "f = Slice(x, zero, one, zero) y = Sub(x, f)", [ints("zero", 0), ints("one", 1)])
graph("sorted_rows", NO, X, Y, "s = Shape<start=0,end=1>(x) y, at = TopK<axis=0>(x, s)")
graph("attention_rows_second", NO, "float[N,S,4] x", "float[N,S,4] y", "t = Transpose<perm=[1,0,2]>(x) k = Transpose<perm=[0,2,1]>(t) e = MatMul(t, k) p = Softmax<axis=-1>(e) c = MatMul(p, t) y = Transpose<perm=[1,0,2]>(c)")
graph("function_of_rows", NO, X, Y, "y = own.centre(x)", functions='<domain: "own", opset_import: ["" : 18]> centre (v) => (c) { a = Constant<value_ints=[0]>() m = ReduceMean<keepdims=1>(v, a) c = Sub(v, m) }')
graph("if_by_rows", NO, X, Y, "m = ReduceMax<keepdims=0>(x) t = Greater(m, half) y = If(t) <then_branch = a () => (float[N,4] p) { p = Mul(x, x) }, else_branch = b () => (float[N,4] q) { q = Neg(x) }>", [scalar("half", 0.5, np.float32)])
graph("if_by_count", NO, X, Y, "s = Shape<start=0,end=1>(x) t = Greater(s, one) y = If(t) <then_branch = a () => (float[N,4] p) { p = Mul(x, x) }, else_branch = b () => (float[N,4] q) { q = Neg(x) }>", [ints("one", 1)])
graph("branch_of_rows", NO, X, Y, "s = Shape<start=1>(x) t = Greater(s, two) y = If(t) <then_branch = a () => (float[N,4] p) { m = ReduceMax<keepdims=1>(x) p = Sub(x, m) }, else_branch = b () => (float[N,4] q) { q = Neg(x) }>", [ints("two", 2)])
graph("loop_of_rows", NO, X, Y, "y = Loop(turns, , x) <body = turn (int64 i, bool c, float[N,4] v) => (bool d, float[N,4] u) { d = Identity(c) m = ReduceMean<keepdims=1>(v) u = Sub(v, m) }>", [scalar("turns", 3)])
graph("loop_by_count", NO, X, Y, "s = Shape(x) n = Gather(s, zero) y = Loop(n, , x) <body = turn (int64 i, bool c, float[N,4] v) => (bool d, float[N,4] u) { d = Identity(c) u = Add(v, v) }>", [scalar("zero", 0)])
graph("scan_that_carries", NO, X, Y, "last, y = Scan<num_scan_inputs=1, body = turn (float[4] a, float[4] v) => (float[4] b, float[4] k) { b = Add(a, v) k = Identity(b) }>(start, x)", [weight("start", 4)])
graph("batch_norm_training", NO, X, Y, "y, m2, v2 = BatchNormalization<training_mode=1>(x, s, b, m, q)", [weight("s", 4), w4, weight("m", 4), numpy_helper.from_array(np.ones(4, np.float32), "q")])
graph("mean_variance_of_rows", NO, "float[N,2,3] x", "float[N,2,3] y", "y = MeanVarianceNormalization<axes=[0,2]>(x)")
graph("einsum_of_rows", NO, X, Y, 'y = Einsum<equation="ni,nj,mj->mi">(x, x, x)')
graph("random", NO, X, Y, "r = RandomNormalLike(x) y = Add(x, r)")
HALVES = "a = Reshape(x, pairs) h = Reshape(x, halves) t = Transpose<perm=[1,0,2]>(h) c = Reshape(t, pairs)"
graph("halves_beside_pairs", NO, X, "float[N,2] y", f"{HALVES} v = ai.onnx.ml.FeatureVectorizer<inputdimensions=[2,2]>(a, c) m = ReduceMax<keepdims=0>(v, one) y = Reshape(m, pairs)", [ints("pairs", -1, 2), ints("halves", -1, 2, 2), ints("one", 1)])
graph("reversed_by_another", NO, X, "float[N,2,2] y", f"{HALVES} m = ReduceSum<keepdims=0>(a, one) p = Greater(m, zero) l = Cast<to=7>(p) n = Add(l, one) d = Transpose(c) r = ReverseSequence<time_axis=0, batch_axis=1>(d, n) b = Transpose(r) q = Reshape(b, back) y = Transpose<perm=[1,0,2]>(q)", [ints("pairs", -1, 2), ints("halves", -1, 2, 2), ints("one", 1), scalar("zero", 0, np.float32), ints("back", 2, -1, 2)])
graph("fixed_rows_mixed", NO, "float[4,3] x", "float[4,3] y", "r = Reshape(x, shape) t = Softmax<axis=-1>(r) y = Reshape(t, back)", [ints("shape", 2, 6), ints("back", 4, 3)])

# ---------------------------------------------------------------- apart, by a way that is not followed

graph("sequence_and_back", UNPROVEN, X, Y, "s = SequenceConstruct(x, x) y = SequenceAt(s, one)", [scalar("one", 1)])

if __name__ == "__main__":
    files = {f"{name}.onnx": data for name, data in files.items()}
    files["expected.json"] = (json.dumps(expected, indent=2) + "\n").encode()
    if "--check" in sys.argv:
        wrong = [name for name, data in files.items() if (HERE / name).read_bytes() != data]
        wrong += [path.name for path in HERE.iterdir() if path.name not in files]
        print("differ:", wrong) if wrong else print(len(files), "files are as committed")
        sys.exit(1 if wrong else 0)
    HERE.mkdir(exist_ok=True)
    for name, data in files.items():
        (HERE / name).write_bytes(data)
    print(len(files), "files written")
