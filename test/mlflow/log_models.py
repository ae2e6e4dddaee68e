"""Trains models and logs them as a data scientist would; prints where they are and what mlflow.pyfunc answers."""

import json

import mlflow
import mlflow.onnx
import mlflow.pyfunc
import numpy as np
import onnx
from mlflow.models import infer_signature
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge

mlflow.set_experiment("science")
answer = {}
requirements = ["mlflow", "onnx", "onnxruntime"]


# MLflow 2 calls it a path, and has no models of their own.
is_new = int(mlflow.__version__.split(".")[0]) >= 3


def named(name):
    return {"name": name} if is_new else {"artifact_path": name}


def model_id_of(logged):
    return logged.model_id if is_new else None


def uri_of(logged):
    return f"models:/{logged.model_id}" if is_new else logged.model_uri


def asked(uri, data):
    predicted = mlflow.pyfunc.load_model(uri).predict(data)
    items = predicted.items()
    return {name: np.asarray(values).tolist() for name, values in items}


# A regression on named columns, registered, with an alias.
features, target = load_diabetes(return_X_y=True, as_frame=True)
ridge = Ridge(alpha=0.25).fit(features, target)
graph = to_onnx(ridge, features[:1].to_numpy(np.float32), target_opset=17)
with mlflow.start_run() as run:
    mlflow.log_params({"alpha": 0.25, "solver": "auto"})
    mlflow.log_metric("r2", ridge.score(features, target))
    mlflow.set_tag("team", "risk")
    logged = mlflow.onnx.log_model(
        graph,
        **named("ridge"),
        signature=infer_signature(features, ridge.predict(features)),
        registered_model_name="diabetes",
        pip_requirements=requirements,
    )
client = mlflow.MlflowClient()
client.set_registered_model_alias("diabetes", "champion", "1")
client.set_model_version_tag("diabetes", "1", "reviewed", "yes")
client.update_model_version("diabetes", "1", description="Ridge on ten measurements")
rows = features[:5]
answer["diabetes"] = {
    "run_id": run.info.run_id,
    "model_id": model_id_of(logged),
    "columns": list(rows.columns),
    "r2": ridge.score(features, target),
    "rows": rows.to_numpy().tolist(),
    "expected": asked("models:/diabetes@champion", rows),
}

# A classifier with a tensor for its input.
measures, species = load_iris(return_X_y=True)
measures = measures.astype(np.float32)
logistic = LogisticRegression(max_iter=500).fit(measures, species)
graph = to_onnx(logistic, measures[:1], options={"zipmap": False}, target_opset=17)
with mlflow.start_run() as run:
    logged = mlflow.onnx.log_model(
        graph, **named("logistic"), signature=infer_signature(measures, species), pip_requirements=requirements
    )
answer["iris"] = {
    "run_id": run.info.run_id,
    "model_id": model_id_of(logged),
    "rows": measures[::30].tolist(),
    "expected": asked(uri_of(logged), measures[::30]),
}

# A network whose weights log_model puts into a file of their own, and the same in one file.
random = np.random.default_rng(7)
first = random.normal(size=(3, 2000)).astype(np.float32)
second = random.normal(size=(2000, 1)).astype(np.float32)
network = helper.make_model(
    helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "first"], ["hidden"]),
            helper.make_node("Relu", ["hidden"], ["active"]),
            helper.make_node("MatMul", ["active", "second"], ["y"]),
        ],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(first, "first"), numpy_helper.from_array(second, "second")],
    ),
    opset_imports=[helper.make_opsetid("", 17)],
    ir_version=9,
)
inputs = random.normal(size=(4, 3)).astype(np.float32)
with mlflow.start_run() as run:
    # log_model moves the weights of the graph it is given.
    copied = onnx.ModelProto.FromString(network.SerializeToString())
    logged = mlflow.onnx.log_model(copied, **named("network"), pip_requirements=requirements)
    mlflow.log_text("not a model", "notes/readme.txt")
    # An ONNX file that no flavor wrote.
    onnx.save_model(network, "network.onnx")
    mlflow.log_artifact("network.onnx", "files")
    # Larger than the test's limit.
    with open("large.onnx", "wb") as file:
        file.write(bytes(1_500_000))
    mlflow.log_artifact("large.onnx", "files")
    # A model of another flavor.
    pickled = {"serialization_format": "pickle"}
    mlflow.sklearn.log_model(ridge, **named("pickled"), pip_requirements=["scikit-learn"], **pickled)
answer["network"] = {
    "run_id": run.info.run_id,
    "rows": inputs.tolist(),
    "expected": asked(uri_of(logged), inputs),
}
print(json.dumps(answer))
