"""Triton's backend `onnxruntime` in Python: the wheel of Triton on PyPI has no other backend than Python's.

What it is told (configuration, files, tensors) is what the real one is told.
"""

import json
import os

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        return config

    def initialize(self, args):
        file = os.path.join(args["model_repository"], args["model_version"], "model.onnx")
        self.session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        given = {tensor["name"] for tensor in json.loads(args["model_config"])["output"]}
        has = {tensor.name for tensor in self.session.get_outputs()}
        if not given <= has:
            raise pb_utils.TritonModelException(f"the model has no output {sorted(given - has)}")

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        try:
            inputs = {tensor.name(): to_onnx(tensor.as_numpy()) for tensor in request.inputs()}
            names = list(request.requested_output_names())
            outputs = self.session.run(names, inputs)
            return pb_utils.InferenceResponse(
                [pb_utils.Tensor(name, to_triton(value)) for name, value in zip(names, outputs)]
            )
        except Exception as error:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"onnx runtime error: {error}"))


def to_onnx(values):
    if values.dtype != object:
        return values
    texts = [value.decode() for value in values.reshape(-1)]
    return np.array(texts, dtype=object).reshape(values.shape)


def to_triton(values):
    if values.dtype.kind not in "OU":
        return values
    texts = [value.encode() for value in values.reshape(-1)]
    return np.array(texts, dtype=object).reshape(values.shape)
