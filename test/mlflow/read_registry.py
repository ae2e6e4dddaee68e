"""
What MLflow's own client sees of its registry: models, aliases, versions, and the runs of the experiment; given
`models`, of those only.
"""

import json
import math
import sys

from mlflow import MlflowClient

given = json.loads(sys.argv[1])
client = MlflowClient()
wanted = given.get("models")
models = {}
for model in client.search_registered_models(max_results=1000):
    if wanted is not None and model.name not in wanted:
        continue
    versions = client.search_model_versions(f"name='{model.name}'", max_results=1000)
    models[model.name] = {
        "description": model.description or "",
        "tags": dict(model.tags),
        "aliases": {alias: int(version) for alias, version in model.aliases.items()},
        "versions": {
            int(version.version): {
                "stage": version.current_stage,
                "tags": dict(version.tags),
                "description": version.description or "",
                "run_id": version.run_id,
                "status": version.status,
            }
            for version in versions
        },
    }
experiment = client.get_experiment_by_name(given.get("experiment", "ModelYard"))
runs = [] if experiment is None else client.search_runs([experiment.experiment_id], max_results=10000)
print(
    json.dumps(
        {
            "models": models,
            "runs": [
                {
                    "run_id": run.info.run_id,
                    "experiment_id": run.info.experiment_id,
                    "name": run.info.run_name,
                    "status": run.info.status,
                    "params": dict(run.data.params),
                    "metrics": {key: None if math.isnan(value) else value for key, value in run.data.metrics.items()},
                    "tags": {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")},
                    "history": {
                        key: [[point.timestamp, point.step, point.value] for point in client.get_metric_history(run.info.run_id, key)]
                        for key in (run.data.metrics if given.get("history") else {})
                    },
                }
                for run in runs
                if wanted is None or run.data.tags.get("modelyard.model") in wanted
            ],
        }
    )
)
