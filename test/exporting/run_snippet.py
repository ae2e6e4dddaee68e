"""Runs a snippet of docs/EXPORTING_MODELS.md, which comes on standard input, in the current folder, and prints as JSON what the
library itself answers for up to a hundred of the snippet's rows `test` with its `model`: the rows as records, values, probabilities."""

import json
import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")
names: dict = {}
exec(compile(sys.stdin.read(), "snippet", "exec"), names)
model, rows = names["model"], names["test"][:100]

if "torch" in names:
    given = names["torch"].tensor(rows.to_numpy())
    probabilities = model(given).detach().numpy()
elif "keras" in names:
    probabilities = model.predict(rows.to_numpy(), verbose=0)
else:
    # Models that were fitted without column names want none.
    given = rows if hasattr(model, "feature_names_in_") or "catboost" in type(model).__module__ else rows.to_numpy()
    probabilities = model.predict_proba(given) if hasattr(model, "predict_proba") else None
values = np.argmax(probabilities, axis=1) if "torch" in names or "keras" in names else np.ravel(model.predict(given))

answers = {
    "records": rows.to_dict("records"),
    "values": values.tolist(),
    "probabilities": None if probabilities is None else np.asarray(probabilities, dtype=float).tolist(),
}
with open("answers.json", "w") as file:
    json.dump(answers, file)
