"""The peer of bench/http.ts: writes the model as `mlflow models serve` takes it. Arguments: the ONNX file, the folder."""

import sys

import mlflow.onnx
import onnx

mlflow.onnx.save_model(
    onnx.load(sys.argv[1]),
    sys.argv[2],
    onnx_execution_providers=["CPUExecutionProvider"],
    onnx_session_options={"intra_op_num_threads": 1},
)
