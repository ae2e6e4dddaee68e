"""What mlflow.pyfunc answers for a model: a data frame where columns are named, else an array of float32."""

import json
import sys

import mlflow.pyfunc
import numpy as np
import pandas as pd

given = json.loads(sys.argv[1])
columns = given.get("columns")
data = np.array(given["rows"], dtype=np.float32) if columns is None else pd.DataFrame(given["rows"], columns=columns, dtype=float)
predicted = mlflow.pyfunc.load_model(given["uri"]).predict(data)
print(json.dumps({name: np.asarray(values).tolist() for name, values in predicted.items()}))
