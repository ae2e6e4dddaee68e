"""Runs the scripts beside it one after another in one process: MLflow is imported once. A line of JSON in, one out."""

import io
import json
import os
import runpy
import sys
import traceback
from contextlib import redirect_stdout

import mlflow

answers = os.fdopen(os.dup(1), "w")
# What libraries print by other ways is no answer.
os.dup2(2, 1)

for line in sys.stdin:
    asked = json.loads(line)
    os.environ["MLFLOW_TRACKING_URI"] = asked["address"]
    mlflow.set_tracking_uri(asked["address"])
    os.chdir(asked["directory"])
    sys.argv = [asked["script"], json.dumps(asked["given"])]
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            runpy.run_path(asked["script"], run_name="__main__")
        # Libraries print what they like before the answer, which is the last line.
        said = {"answer": json.loads(printed.getvalue().strip().split("\n")[-1])}
    except Exception:
        said = {"failure": traceback.format_exc()}
    answers.write(json.dumps(said) + "\n")
    answers.flush()
