"""The peer of bench/http.ts: Ray Serve and onnxruntime. Arguments: port, replicas. MODEL and FEATURES in the environment."""

import os
import signal
import sys

import numpy
import onnxruntime
import ray
from ray import serve
from starlette.requests import Request

port, replicas = int(sys.argv[1]), int(sys.argv[2])


@serve.deployment(num_replicas=replicas, max_ongoing_requests=64, ray_actor_options={"num_cpus": 0.5})
class Model:
    def __init__(self, path, features):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.features = features

    async def __call__(self, request: Request):
        call = await request.json()
        rows = numpy.array([[row[name] for name in self.features] for row in call["inputs"]], dtype=numpy.float32)
        labels, probabilities = self.session.run(None, {"features": rows})
        return {
            "predictions": [
                {"value": label, "probabilities": row}
                for label, row in zip(labels.tolist(), probabilities.tolist())
            ]
        }


ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
serve.start(http_options={"host": "127.0.0.1", "port": port}, logging_config={"enable_access_log": False, "log_level": "ERROR"})
serve.run(Model.bind(os.environ["MODEL"], os.environ["FEATURES"].split(",")), name="nba", route_prefix="/predict")
signal.sigwait([signal.SIGTERM])
serve.shutdown()
ray.shutdown()
