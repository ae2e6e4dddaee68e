"""Calls methods of MLflow's own client, as a person there would: [[method, {name: argument, …}], …]."""

import json
import sys

from mlflow import MlflowClient

client = MlflowClient()
for method, arguments in json.loads(sys.argv[1]):
    getattr(client, method)(**arguments)
print("null")
