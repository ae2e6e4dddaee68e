"""MLflow's client of its scoring server, unchanged, against ModelYard; and MLflow's own answers to the same payloads.

Arguments: port, model.onnx, rows.csv, the features by commas. Prints "as MLflow answers" at the end.
"""

import io
import json
import sys

import mlflow.onnx
import numpy
import onnx
import pandas
import requests
from mlflow.pyfunc import scoring_server
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

port, model, rows, features = sys.argv[1:]
frame = pandas.read_csv(rows)[features.split(",")].head(5)
client = ScoringServerClient("127.0.0.1", int(port))
client.wait_server_ready()
assert client.get_version().count(".") == 2

mlflow.onnx.save_model(onnx.load(model), "model")
loaded = mlflow.pyfunc.load_model("model")
values = frame.to_numpy(dtype=numpy.float32)
wanted = loaded.predict({"features": values})
labels = ["home_win" if label == 1 else "away_win" for label in wanted["label"].tolist()]

# Frames, arrays and lists, as the client writes them.
for data in [frame, frame.to_numpy(), frame.to_numpy().tolist(), pandas.DataFrame(frame.to_numpy())]:
    answer = client.invoke(data)
    assert answer["predictions"] == labels, answer
    assert answer.get_predictions()[0].tolist() == labels
    assert answer.get_predictions("ndarray").tolist() == labels
assert client.invoke(frame, params={"entity_key": "one"})["version"] == "1"

# Named tensors: what MLflow's server answers to the same text, but for the names of the classes.
payload = json.dumps({"inputs": {"features": values.tolist()}})
theirs = scoring_server.invocations(payload, "application/json", loaded, None)
ours = requests.post(f"http://127.0.0.1:{port}/invocations", data=payload, headers={"Content-Type": "application/json"})
assert (ours.status_code, theirs.status) == (200, 200), ours.text
theirs, ours = json.loads(theirs.response)["predictions"], ours.json()["predictions"]
assert theirs.keys() == ours.keys() and theirs["label"] == ours["label"], (theirs, ours)
assert numpy.allclose(theirs["probabilities"], ours["probabilities"], atol=1e-6)

# CSV, as pandas writes it, with SageMaker's content type.
text = io.StringIO()
frame.to_csv(text, index=False)
answer = requests.post(f"http://127.0.0.1:{port}/invocations", data=text.getvalue(), headers={"Content-Type": "text/csv"})
assert answer.json()["predictions"] == labels, answer.text

# What a missing value becomes in Python's JSON is refused by name, since this model takes none.
frame.iloc[0, 0] = numpy.nan
try:
    client.invoke(frame)
    raise AssertionError("NaN was taken")
except Exception as error:
    assert "BAD_REQUEST" in str(error) and features.split(",")[0] in str(error), error

print("as MLflow answers")
