"""
Models with tensors in other files (onnx.save_model with save_as_external_data, as mlflow.onnx.log_model calls it), and the
bytes of every tensor as onnx reads them, in hexadecimal; into external/.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

here = Path(__file__).with_name("external")
here.mkdir(exist_ok=True)
for old in here.iterdir():
    old.unlink()
random = np.random.default_rng(1)


def tensor(name, *shape):
    return numpy_helper.from_array(random.normal(size=shape).astype(np.float32), name)


def value(name):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None])


branch = lambda name: helper.make_graph(
    [helper.make_node("MatMul", ["x", f"{name}_w"], [f"{name}_y"])], name, [], [value(f"{name}_y")], [tensor(f"{name}_w", 20, 20)]
)
graph = helper.make_graph(
    [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Constant", [], ["c"], value=tensor("constant", 20, 20)),
        helper.make_node("If", ["yes"], ["z"], then_branch=branch("then"), else_branch=branch("else")),
        helper.make_node("Sum", ["h", "c", "z"], ["y"]),
    ],
    "g",
    [value("x")],
    [value("y")],
    [tensor("w", 20, 20), tensor("small", 2), helper.make_tensor("yes", TensorProto.BOOL, [], [True])],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def tensors(graph):
    for one in graph.initializer:
        yield one
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            if attribute.HasField("g"):
                yield from tensors(attribute.g)


for one in tensors(model.graph):
    one.raw_data = numpy_helper.to_array(one).tobytes()
    one.ClearField("int32_data")
expected = {one.name: one.raw_data.hex() for one in tensors(model.graph)}
cases = {}
for name, options in {
    "one_file": dict(all_tensors_to_one_file=True, location="one_file.data", convert_attribute=True),
    "many_files": dict(all_tensors_to_one_file=False, convert_attribute=True, size_threshold=0),
    "initializers_only": dict(all_tensors_to_one_file=True, location="initializers.data"),
}.items():
    before = set(here.iterdir())
    copied = onnx.ModelProto.FromString(model.SerializeToString())
    onnx.save_model(copied, here / f"{name}.onnx", save_as_external_data=True, **options)
    after = {path.name for path in set(here.iterdir()) - before}
    cases[name] = sorted(after - {f"{name}.onnx"})
(here / "whole.onnx").write_bytes(model.SerializeToString())
(here / "expected.json").write_text(json.dumps({"onnx": onnx.__version__, "tensors": expected, "files": cases}))
