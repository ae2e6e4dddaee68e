"""Writes the small ONNX models the tests use, and expected.json beside them.

    python make_models.py            write every model and expected.json
    python make_models.py --check    rebuild in memory, compare with the committed files,
                                     and run every case of expected.json through onnxruntime

The expected outputs come from numpy and scikit-learn, never from onnxruntime, so that they
say what the right answer is and not what the runtime happens to return. The bytes written are
the same on every run with the packages of requirements.txt.
"""

import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
PRODUCER = "modelyard-test"
OPSET = 18
ML_OPSET = 3
IR_VERSION = 8
INT32_MIN = -(2**31)

# Numpy type -> (ONNX element type, Open Inference Protocol name).
TYPES = {
    "float32": (TensorProto.FLOAT, "FP32"),
    "float64": (TensorProto.DOUBLE, "FP64"),
    "int64": (TensorProto.INT64, "INT64"),
    "int32": (TensorProto.INT32, "INT32"),
    "bool": (TensorProto.BOOL, "BOOL"),
    "object": (TensorProto.STRING, "BYTES"),
}
NUMPY_OF = {oip: name for name, (_, oip) in TYPES.items()}


# ---------------------------------------------------------------- building blocks


def port(name, dtype, shape):
    return helper.make_tensor_value_info(name, TYPES[dtype][0], shape)


def const(name, values, dtype):
    return numpy_helper.from_array(np.asarray(values, dtype=dtype), name)


def scalar_fill(value, dtype):
    """The value attribute of ConstantOfShape."""
    return helper.make_tensor("value", TYPES[dtype][0], [1], [value])


def build(name, nodes, inputs, outputs, constants=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(constants))
    model = helper.make_model(
        graph,
        producer_name=PRODUCER,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def tensor(array):
    """A numpy array as {datatype, shape, data}, the way the Open Inference Protocol writes it."""
    array = np.asarray(array)
    datatype = TYPES[array.dtype.name][1]
    if datatype == "FP32":  # the shortest decimal that reads back as the same float32
        data = [float(str(v)) for v in array.ravel()]
    elif datatype == "INT64":  # beyond 2^53 a JSON number would lose digits
        data = [v if abs(v) <= 2**53 else str(v) for v in array.ravel().tolist()]
    else:
        data = array.ravel().tolist()
    assert not any(isinstance(v, float) and not math.isfinite(v) for v in data)
    return {"datatype": datatype, "shape": list(array.shape), "data": data}


def column(values, dtype="float32"):
    return np.array(values, dtype=dtype).reshape(-1, 1)


class Set:
    """The files to write and the cases of expected.json."""

    def __init__(self):
        self.files = {}
        self.cases = []
        self.described = []

    def add(self, name, data):
        assert len(data) < 50_000, f"{name} has {len(data)} bytes"
        self.files[f"{name}.onnx"] = data

    def case(self, model, inputs, outputs, tolerance=0, **extra):
        self.cases.append(
            {
                "model": model,
                "inputs": {k: tensor(v) for k, v in inputs.items()},
                "outputs": {k: tensor(v) for k, v in outputs.items()},
                "tolerance": tolerance,
                **extra,
            }
        )

    def describe(self, model, effect, words, inputs=None, **extra):
        """A case whose outcome is not a list of finite numbers."""
        entry = {"model": model, "effect": effect, "words": words, **extra}
        if inputs is not None:
            entry["inputs"] = {k: tensor(v) for k, v in inputs.items()}
        self.described.append(entry)


# ---------------------------------------------------------------- well-behaved models


def linear(s):
    weights = {
        "linear_float32": ([0.5, -1.25, 2.0], 0.75),
        "linear_float32_b": ([1.5, 0.25, -0.5], -2.0),
    }
    for name, (w, b) in weights.items():
        w = column(w)
        b = np.array([b], dtype=np.float32)
        s.add(
            name,
            build(
                name,
                [
                    helper.make_node("MatMul", ["x", "W"], ["xW"]),
                    helper.make_node("Add", ["xW", "b"], ["y"]),
                ],
                [port("x", "float32", ["N", 3])],
                [port("y", "float32", ["N", 1])],
                [const("W", w, "float32"), const("b", b, "float32")],
            ),
        )
        one = np.array([[1, 2, 3]], dtype=np.float32)
        many = np.array([[0, 0, 0], [0.1, -0.2, 0.3], [-4, 5.5, 1e3]], dtype=np.float32)
        for x in (one, many):
            s.case(name, {"x": x}, {"y": x @ w + b}, 1e-5)


def identities(s):
    values = {
        "float32": [[0.1, -2.5, 3.4028235e38], [1.401298464324817e-45]],
        "float64": [[0.1, -2.5, 1.7976931348623157e308], [1 / 3]],
        "int64": [[0, -5, 2**53], [2**63 - 1, -(2**63), 2**53 + 1]],
        "int32": [[0, -5, 2**31 - 1], [INT32_MIN]],
        "bool": [[True, False, True], [False]],
        "string": [["Oslo", "", "Zürich 東京 🏀"], ["line\nbreak \"quoted\""]],
    }
    for short, cases in values.items():
        dtype = "object" if short == "string" else short
        name = f"identity_{short}"
        s.add(
            name,
            build(
                name,
                [helper.make_node("Identity", ["value"], ["result"])],
                [port("value", dtype, ["N", 1])],
                [port("result", dtype, ["N", 1])],
            ),
        )
        for case in cases:
            x = column(case, dtype)
            s.case(name, {"value": x}, {"result": x})


def mixed_columns(s):
    name = "mixed_columns"
    s.add(
        name,
        build(
            name,
            [
                helper.make_node("Cast", ["count"], ["count_f"], to=TensorProto.FLOAT),
                helper.make_node("Where", ["flag", "ten", "zero"], ["bonus"]),
                helper.make_node("Add", ["age", "count_f"], ["age_count"]),
                helper.make_node("Add", ["age_count", "bonus"], ["total"]),
                helper.make_node("Identity", ["city"], ["city_out"]),
            ],
            [
                port("age", "float32", ["N", 1]),
                port("count", "int64", ["N", 1]),
                port("flag", "bool", ["N", 1]),
                port("city", "object", ["N", 1]),
            ],
            [port("total", "float32", ["N", 1]), port("city_out", "object", ["N", 1])],
            [const("ten", 10, "float32"), const("zero", 0, "float32")],
        ),
    )
    for age, count, flag, city in (
        ([30.5], [2], [True], ["Oslo"]),
        ([18, 41.25, 0], [0, -3, 7], [False, True, False], ["Bergen", "", "São Paulo"]),
    ):
        age, count = column(age), column(count, "int64")
        flag, city = column(flag, "bool"), column(city, "object")
        total = age + count.astype(np.float32) + np.where(flag, np.float32(10), np.float32(0))
        s.case(
            name,
            {"age": age, "count": count, "flag": flag, "city": city},
            {"total": total, "city_out": city},
            1e-6,
        )


def rank1_inputs(s):
    name = "rank1_inputs"
    s.add(
        name,
        build(
            name,
            [helper.make_node("Add", ["a", "b"], ["sum"])],
            [port("a", "float32", ["N"]), port("b", "float32", ["N"])],
            [port("sum", "float32", ["N"])],
        ),
    )
    for a, b in (([1.5], [2]), ([1, 2, 3], [0.5, -2, 1e6])):
        a, b = np.array(a, dtype=np.float32), np.array(b, dtype=np.float32)
        s.case(name, {"a": a, "b": b}, {"sum": a + b}, 1e-6)


def fixed_batch(s):
    name = "fixed_batch"
    w = column([2, -1])
    s.add(
        name,
        build(
            name,
            [helper.make_node("MatMul", ["x", "W"], ["y"])],
            [port("x", "float32", [4, 2])],
            [port("y", "float32", [4, 1])],
            [const("W", w, "float32")],
        ),
    )
    x = np.array([[1, 2], [3, 4], [0, 0], [-1.5, 0.25]], dtype=np.float32)
    s.case(name, {"x": x}, {"y": x @ w}, 1e-6)


def image_like(s):
    name = "image_like"
    s.add(
        name,
        build(
            name,
            [
                helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
                helper.make_node("GlobalMaxPool", ["image"], ["max"]),
                helper.make_node("Concat", ["mean", "max"], ["both"], axis=1),
                helper.make_node("Flatten", ["both"], ["stats"], axis=1),
            ],
            [port("image", "float32", ["N", 1, 4, 4])],
            [port("stats", "float32", ["N", 2])],
        ),
    )
    for n in (1, 2):
        x = ((np.arange(n * 16) * 7 % 16) / 4 - np.repeat(np.arange(n), 16)).astype(np.float32)
        x = x.reshape(n, 1, 4, 4)
        stats = np.stack([x.mean(axis=(1, 2, 3)), x.max(axis=(1, 2, 3))], axis=1)
        s.case(name, {"image": x}, {"stats": stats}, 1e-6)


def multi_output(s):
    name = "multi_output"
    wp = column([1, 1])
    wq = np.array([[1, 0, 2], [0, 1, -2]], dtype=np.float32)
    s.add(
        name,
        build(
            name,
            [
                helper.make_node("MatMul", ["x", "Wp"], ["p"]),
                helper.make_node("MatMul", ["x", "Wq"], ["q"]),
            ],
            [port("x", "float32", ["N", 2])],
            [port("p", "float32", ["N", 1]), port("q", "float32", ["N", 3])],
            [const("Wp", wp, "float32"), const("Wq", wq, "float32")],
        ),
    )
    for x in ([[1, 2]], [[0.5, -0.5], [3, 4], [0, 0]]):
        x = np.array(x, dtype=np.float32)
        s.case(name, {"x": x}, {"p": x @ wp, "q": x @ wq}, 1e-6)


def sum_free_columns(s):
    name = "sum_free_columns"
    s.add(
        name,
        build(
            name,
            [helper.make_node("ReduceSum", ["x", "axes"], ["total"], keepdims=1)],
            [port("x", "float32", ["N", "M"])],
            [port("total", "float32", ["N", 1])],
            [const("axes", [1], "int64")],
        ),
    )
    for x in ([[5]], [[1, 2, 3, 4], [-1, 0.5, 0, 0]]):
        x = np.array(x, dtype=np.float32)
        s.case(name, {"x": x}, {"total": x.sum(axis=1, keepdims=True)}, 1e-6)


def many_features(s):
    name = "many_features"
    w = column((np.arange(200) % 11 - 5) / 8)
    s.add(
        name,
        build(
            name,
            [helper.make_node("MatMul", ["x", "W"], ["y"])],
            [port("x", "float32", ["N", 200])],
            [port("y", "float32", ["N", 1])],
            [const("W", w, "float32")],
        ),
    )
    x = ((np.arange(400) * 13 % 37) / 4).astype(np.float32).reshape(2, 200)
    s.case(name, {"x": x}, {"y": x @ w}, 1e-5)


def odd_names(s):
    name = "odd_names"
    names = ["__proto__", "a b", "x/y", "1"]
    s.add(
        name,
        build(
            name,
            [helper.make_node("Sum", names, ["constructor"])],
            [port(n, "float32", ["N", 1]) for n in names],
            [port("constructor", "float32", ["N", 1])],
        ),
    )
    for values in ([[1], [20], [300], [4000]], [[1, -1], [2, -2], [3, -3], [4, 0.5]]):
        inputs = {n: column(v) for n, v in zip(names, values)}
        s.case(name, inputs, {"constructor": np.sum(list(inputs.values()), axis=0)}, 1e-6)


def centred_batch(s):
    name = "centred_batch"
    s.add(
        name,
        build(
            name,
            [
                helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=1),
                helper.make_node("Sub", ["x", "mean"], ["y"]),
            ],
            [port("x", "float32", ["N", 1])],
            [port("y", "float32", ["N", 1])],
            [const("axes", [0], "int64")],
        ),
    )
    for values in ([7], [1, 2, 6]):
        x = column(values)
        s.case(name, {"x": x}, {"y": x - x.mean(axis=0)}, 1e-6)


# ---------------------------------------------------------------- scikit-learn models


def sklearn_models(s):
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LogisticRegression

    rng = np.random.RandomState(7)
    x = (rng.randint(0, 41, size=(150, 4)) / 4).astype(np.float32)
    kind = (x[:, 0] + x[:, 1] > 9).astype(int) + (x[:, 2] > x[:, 3])
    labels = np.array(["high", "low", "medium"])

    def convert(name, fitted, options=None):
        model = to_onnx(
            fitted,
            initial_types=[("features", FloatTensorType([None, 4]))],
            target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
            options=options,
            name=name,
        )
        model.producer_name = PRODUCER
        model.ClearField("producer_version")
        model.ir_version = IR_VERSION
        opsets = {entry.domain: entry.version for entry in model.opset_import}
        del model.opset_import[:]
        model.opset_import.extend(helper.make_opsetid(d, opsets[d]) for d in sorted(opsets))
        onnx.checker.check_model(model, full_check=True)
        s.add(name, model.SerializeToString(deterministic=True))

    def logistic(target):
        fitted = LogisticRegression(C=0.1, max_iter=1000).fit(x, target)
        # Rounded, so that the last digits of the solver on another machine change no byte.
        fitted.coef_ = fitted.coef_.round(3)
        fitted.intercept_ = fitted.intercept_.round(3)
        return fitted

    rows = np.array(
        [[9, 8.5, 7, 1], [1, 2, 3, 4], [5, 0.25, 9, 2.5], [0, 0, 0, 0], [9.75, 9.75, 0, 10]],
        dtype=np.float32,
    )
    by_int, by_string = logistic(kind), logistic(labels[kind])
    for name, fitted, dtype in (
        ("classifier_int", by_int, "int64"),
        ("classifier_string", by_string, "object"),
    ):
        convert(name, fitted, {"zipmap": False})
        for batch in (rows[:1], rows):
            s.case(
                name,
                {"features": batch},
                {
                    "label": fitted.predict(batch).astype(dtype),
                    "probabilities": fitted.predict_proba(batch).astype(np.float32),
                },
                1e-5,
            )

    # The probabilities are a sequence of maps in the file, and a tensor in what is served of it.
    convert("classifier_zipmap", by_int)
    s.case(
        "classifier_zipmap",
        {"features": rows[:2]},
        {
            "output_label": by_int.predict(rows[:2]).astype("int64"),
            "output_probability": by_int.predict_proba(rows[:2]).astype(np.float32),
        },
        1e-5,
    )

    target = np.round(x[:, 0] * 2 - x[:, 1] + x[:, 2] / 2) / 2
    forest = RandomForestRegressor(n_estimators=4, max_depth=3, random_state=7).fit(x, target)
    convert("regressor", forest)
    for batch in (rows[:1], rows):
        y = forest.predict(batch).astype(np.float32).reshape(-1, 1)
        s.case("regressor", {"features": batch}, {"variable": y}, 1e-5)


# ---------------------------------------------------------------- models that misbehave


def slow_run(s):
    """y = x, after max(x) rounds of a 64x64 matrix product (a rotation of its rows)."""
    name = "slow_run"
    size = 64
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on_in"], ["go_on_out"]),
            helper.make_node("MatMul", ["m_in", "rotation"], ["m_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on_in", TensorProto.BOOL, []),
            port("m_in", "float32", [size, size]),
        ],
        [
            helper.make_tensor_value_info("go_on_out", TensorProto.BOOL, []),
            port("m_out", "float32", [size, size]),
        ],
    )
    s.add(
        name,
        build(
            name,
            [
                helper.make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
                helper.make_node("Cast", ["largest"], ["rounds"], to=TensorProto.INT64),
                helper.make_node("Loop", ["rounds", "go_on", "rotation"], ["m"], body=body),
                helper.make_node("ReduceMax", ["m"], ["one"], keepdims=0),  # always 1
                helper.make_node("Mul", ["x", "one"], ["y"]),
            ],
            [port("x", "float32", ["N", 1])],
            [port("y", "float32", ["N", 1])],
            [const("go_on", True, "bool"), const("rotation", np.roll(np.eye(size), 1, 0), "float32")],
        ),
    )
    for values in ([0], [1], [3, 0.5, -2]):
        s.case(name, {"x": column(values)}, {"y": column(values)})
    s.describe(
        name,
        "slow",
        "Runs for more than an hour: one matrix product for each unit of the largest value.",
        {"x": column([1e9])},
    )


def slow_load(s):
    """A max-pooling with a huge window over constants, which the runtime computes at load."""
    name = "slow_load"
    size = 2048
    s.add(
        name,
        build(
            name,
            [
                helper.make_node(
                    "ConstantOfShape", ["shape"], ["ones"], value=scalar_fill(1.0, "float32")
                ),
                helper.make_node("MaxPool", ["ones"], ["pooled"], kernel_shape=[size // 2] * 2),
                helper.make_node("ReduceMax", ["pooled"], ["one"], keepdims=0),
                helper.make_node("Add", ["x", "one"], ["y"]),
            ],
            [port("x", "float32", ["N", 1])],
            [port("y", "float32", ["N", 1])],
            [const("shape", [1, 1, size, size], "int64")],
        ),
    )
    s.describe(
        name,
        "slow_load",
        "Creating the session computes for many minutes, with little memory; then y = x + 1.",
    )


def crash_run(s):
    """y = x / d (towards zero; d = 0 counts as 1).

    The remainder is there, times zero, because it is computed one element at a time: the
    quotient of four rows or more may be computed with vector instructions, which do not trap.
    """
    name = "crash_run"
    s.add(
        name,
        build(
            name,
            [
                helper.make_node("Equal", ["d", "zero"], ["is_zero"]),
                helper.make_node("Cast", ["is_zero"], ["fix"], to=TensorProto.INT32),
                helper.make_node("Add", ["d", "fix"], ["divisor"]),
                helper.make_node("Mod", ["x", "divisor"], ["remainder"]),
                helper.make_node("Mul", ["remainder", "zero"], ["nothing"]),
                helper.make_node("Div", ["x", "divisor"], ["quotient"]),
                helper.make_node("Add", ["quotient", "nothing"], ["y"]),
            ],
            [port("x", "int32", ["N", 1]), port("d", "int32", ["N", 1])],
            [port("y", "int32", ["N", 1])],
            [const("zero", [[0]], "int32")],
        ),
    )
    for x, d in (([0], [0]), ([6], [3]), ([-7, 5, 9, 10, 2**31 - 1], [2, 0, -3, 4, -1])):
        x, d = column(x, "int32"), column(d, "int32")
        safe = np.where(d == 0, 1, d)
        y = (np.sign(x) * np.sign(safe) * (abs(x) // abs(safe))).astype(np.int32)
        s.case(name, {"x": x, "d": d}, {"y": y})
    s.describe(
        name,
        "crash",
        "On x86 the process dies of SIGFPE (the smallest int32 divided by -1). "
        "ARM does not trap: there the answer is the smallest int32 again.",
        {"x": column([INT32_MIN], "int32"), "d": column([-1], "int32")},
    )


def crash_load(s):
    """The remainder of the smallest int64 by -1, of constants: computed while loading."""
    name = "crash_load"
    s.add(
        name,
        build(
            name,
            [
                helper.make_node("Mod", ["smallest", "minus_one"], ["remainder"]),
                helper.make_node("Cast", ["remainder"], ["offset"], to=TensorProto.FLOAT),
                helper.make_node("Add", ["x", "offset"], ["y"]),
            ],
            [port("x", "float32", ["N", 1])],
            [port("y", "float32", ["N", 1])],
            [const("smallest", [[-(2**63)]], "int64"), const("minus_one", [[-1]], "int64")],
        ),
    )
    s.describe(
        name,
        "crash_load",
        "On x86 creating the session kills the process with SIGFPE. ARM does not trap: there y = x.",
    )


def memory_balloon(s):
    """y = x + the sum of max(x) ones, which are laid out in memory first (4 bytes each)."""
    name = "memory_balloon"
    s.add(
        name,
        build(
            name,
            [
                helper.make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
                helper.make_node("Cast", ["largest"], ["count"], to=TensorProto.INT64),
                helper.make_node("Reshape", ["count", "one_axis"], ["shape"]),
                helper.make_node(
                    "ConstantOfShape", ["shape"], ["ones"], value=scalar_fill(1.0, "float32")
                ),
                helper.make_node("ReduceSum", ["ones"], ["total"], keepdims=0),
                helper.make_node("Add", ["x", "total"], ["y"]),
            ],
            [port("x", "float32", ["N", 1])],
            [port("y", "float32", ["N", 1])],
            [const("one_axis", [1], "int64")],
        ),
    )
    for values in ([0], [1], [3, 0.5, 100]):
        x = column(values)
        s.case(name, {"x": x}, {"y": x + np.float32(int(x.max()))})
    s.describe(
        name,
        "memory",
        "Asks for 4 bytes for each unit of the largest value, here 40 GB at once: where the system "
        "refuses them the run fails with an error, otherwise the process grows until it is stopped.",
        {"x": column([1e10])},
    )


def long_answer(s):
    """y = max(x) ones, however many that is: an answer too long to give."""
    name = "long_answer"
    s.add(
        name,
        build(
            name,
            [
                helper.make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
                helper.make_node("Cast", ["largest"], ["count"], to=TensorProto.INT64),
                helper.make_node("Reshape", ["count", "one_axis"], ["shape"]),
                helper.make_node("ConstantOfShape", ["shape"], ["y"], value=scalar_fill(1.0, "float32")),
            ],
            [port("x", "float32", ["N", 1])],
            [port("y", "float32", ["L"])],
            [const("one_axis", [1], "int64")],
        ),
    )
    s.case(name, {"x": column([3])}, {"y": np.ones(3, dtype=np.float32)})


def fails_run(s):
    """A table look-up: y = table[int(x)], for x from 0 to 100."""
    name = "fails_run"
    table = (np.arange(101) * 2).astype(np.float32)
    s.add(
        name,
        build(
            name,
            [
                helper.make_node("Cast", ["x"], ["row"], to=TensorProto.INT64),
                helper.make_node("Gather", ["table", "row"], ["y"], axis=0),
            ],
            [port("x", "float32", ["N", 1])],
            [port("y", "float32", ["N", 1])],
            [const("table", table, "float32")],
        ),
    )
    for values in ([0], [1], [100, 42.9, 7]):
        x = column(values)
        s.case(name, {"x": x}, {"y": table[x.astype(np.int64)]})
    s.describe(
        name,
        "error",
        "The run fails with an error (index out of bounds); the process lives on.",
        {"x": column([101])},
    )


def nan_output(s):
    name = "nan_output"
    s.add(
        name,
        build(
            name,
            [helper.make_node("Log", ["x"], ["y"])],
            [port("x", "float32", ["N", 1])],
            [port("y", "float32", ["N", 1])],
        ),
    )
    x = column([1, 2.5, 1000])
    s.case(name, {"x": x}, {"y": np.log(x)}, 1e-5)
    s.describe(
        name,
        "special_values",
        "y = log(x): NaN for the negative value, minus infinity for zero, 0 for one.",
        {"x": column([-1, 0, 1])},
        special_outputs={"y": ["NaN", "-Infinity", 0]},
    )


def broken_files(s):
    whole = s.files["linear_float32.onnx"]
    files = {
        "truncated": whole[: len(whole) // 2],
        "zero_bytes": b"",
        "random_bytes": np.random.RandomState(1).bytes(1024),
        "text": b"This is a text file and not an ONNX model.\n",
    }
    for name, data in files.items():
        s.add(name, data)
        s.describe(name, "load_error", "Not a model: creating the session fails with an error.")


def build_all():
    s = Set()
    for part in (
        linear,
        identities,
        mixed_columns,
        rank1_inputs,
        fixed_batch,
        image_like,
        multi_output,
        sum_free_columns,
        many_features,
        odd_names,
        centred_batch,
        sklearn_models,
        slow_run,
        slow_load,
        crash_run,
        crash_load,
        memory_balloon,
        long_answer,
        fails_run,
        nan_output,
        broken_files,
    ):
        part(s)
    expected = {
        "about": (
            "Written by make_models.py. A number is right when |got - want| <= tolerance * max(1, |want|); "
            "int64 values beyond 2^53 are strings. 'described' holds the cases that have no finite outputs."
        ),
        "cases": s.cases,
        "described": s.described,
    }
    s.files["expected.json"] = (to_json(expected) + "\n").encode()
    return s


# ---------------------------------------------------------------- JSON in the formatter's layout

WIDTH = 110


def to_json(value, indent=0, before=0):
    """JSON laid out as the repository's formatter does; before = width of what precedes it."""
    pad, inner = " " * indent, " " * (indent + 2)
    if isinstance(value, dict) and value:
        lines, last = [], list(value)[-1]
        for key, item in value.items():
            head = f"{inner}{json.dumps(key, ensure_ascii=False)}: "
            comma = 0 if key == last else 1
            lines.append(head + to_json(item, indent + 2, len(head) + comma - 1))
        return "{\n" + ",\n".join(lines) + f"\n{pad}}}"
    if isinstance(value, list) and value:
        if isinstance(value[0], dict):
            items = ",\n".join(inner + to_json(v, indent + 2, len(inner)) for v in value)
            return f"[\n{items}\n{pad}]"
        parts = [to_json(v) for v in value]
        flat = f"[{', '.join(parts)}]"
        if before + len(flat) + 1 <= WIDTH:
            return flat
        if any(isinstance(v, (str, bool)) for v in value):
            return "[\n" + ",\n".join(inner + p for p in parts) + f"\n{pad}]"
        lines, line = [], inner
        for i, part in enumerate(parts):  # numbers fill the line
            piece = part + ("," if i + 1 < len(parts) else "")
            if line == inner:
                line += piece
            elif len(line) + 1 + len(piece) <= WIDTH:
                line += " " + piece
            else:
                lines.append(line)
                line = inner + piece
        return "[\n" + "\n".join([*lines, line]) + f"\n{pad}]"
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(r"e\+?(-?)0*", r"e\1", text) if isinstance(value, float) else text


# ---------------------------------------------------------------- check


def check(s):
    import onnxruntime as ort

    problems = [
        f"{name}: the committed file differs"
        for name, data in s.files.items()
        if not (HERE / name).is_file() or (HERE / name).read_bytes() != data
    ]

    def array(t):
        return np.array(
            [int(v) if t["datatype"] == "INT64" else v for v in t["data"]],
            dtype=NUMPY_OF[t["datatype"]],
        ).reshape(t["shape"])

    for number, case in enumerate(s.cases):
        where = f"case {number} ({case['model']})"
        session = ort.InferenceSession(s.files[f"{case['model']}.onnx"])
        feeds = {name: array(t) for name, t in case["inputs"].items()}
        got = dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds)))
        for name, value in got.items():
            if isinstance(value, list):  # a sequence of maps from class to probability
                got[name] = np.array([[row[c] for c in sorted(row)] for row in value], dtype=np.float32)
        if set(got) != set(case["outputs"]):
            problems.append(f"{where}: outputs {sorted(got)}")
            continue
        for name, t in case["outputs"].items():
            want, have = array(t), got[name]
            if have.shape != want.shape or have.dtype != want.dtype:
                problems.append(f"{where}: {name} is {have.dtype} {have.shape}")
            elif case["tolerance"] == 0 or t["datatype"] in ("BYTES", "BOOL", "INT64", "INT32"):
                if not np.array_equal(have, want):
                    problems.append(f"{where}: {name} is {have.tolist()}")
            elif not np.all(abs(have - want) <= case["tolerance"] * np.maximum(1, abs(want))):
                problems.append(f"{where}: {name} is {have.tolist()}")
    for problem in problems:
        print(problem)
    print(f"{len(s.files)} files, {len(s.cases)} cases, {len(problems)} problems")
    return 1 if problems else 0


def main():
    s = build_all()
    if "--check" in sys.argv[1:]:
        return check(s)
    for name, data in s.files.items():
        (HERE / name).write_bytes(data)
    print(f"wrote {len(s.files)} files, {len(s.cases)} cases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
