"""The peer of bench/http.ts: FastAPI and onnxruntime. `uvicorn fastapi_app:app`, with MODEL in the environment."""

import os

import numpy
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
features = os.environ["FEATURES"].split(",")
app = FastAPI()


class Call(BaseModel):
    inputs: list[dict[str, float]]


class Prediction(BaseModel):
    value: int
    probabilities: list[float]


class Answer(BaseModel):
    predictions: list[Prediction]


# A function that awaits nothing runs on the event loop: a thread for each call would cost more than the run.
@app.post("/predict")
async def predict(call: Call) -> Answer:
    rows = numpy.array([[row[name] for name in features] for row in call.inputs], dtype=numpy.float32)
    labels, probabilities = session.run(None, {"features": rows})
    return Answer(
        predictions=[
            Prediction(value=label, probabilities=row)
            for label, row in zip(labels.tolist(), probabilities.tolist())
        ]
    )
