"""A runtime of MLServer for ONNX, which brings none of its own."""

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri


class OnnxRuntime(MLModel):
    async def load(self) -> bool:
        file = await get_model_uri(self._settings, wellknown_filenames=["model.onnx"])
        self.session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        names = [output.name for output in payload.outputs or self.session.get_outputs()]
        try:
            inputs = {given.name: to_numpy(given) for given in payload.inputs}
            outputs = self.session.run(names, inputs)
        except Exception as error:
            raise InferenceError(str(error)) from error
        return InferenceResponse(
            id=payload.id,
            model_name=self.name,
            outputs=[to_output(name, value) for name, value in zip(names, outputs)],
        )


def to_numpy(given):
    if given.datatype != "BYTES":
        return NumpyCodec.decode_input(given)
    return np.array(StringCodec.decode_input(given), dtype=object).reshape(given.shape)


def to_output(name, value):
    if value.dtype.kind in "OU":
        output = StringCodec.encode_output(name, [str(text) for text in value.reshape(-1)], use_bytes=False)
    else:
        output = NumpyCodec.encode_output(name, value)
    # Both codecs make a column of a list.
    output.shape = list(value.shape)
    return output
