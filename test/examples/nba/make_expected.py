"""Write expected.json: synthetic rows with scikit-learn's own predictions, which serving must meet to 1e-5.

python test/examples/nba/make_expected.py --data DIR && npx biome check --write test/examples
"""

import argparse
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2] / "examples" / "nba"))

from game_features import CLASS_LABELS, FEATURE_NAMES  # noqa: E402
from synthetic_data import Copula  # noqa: E402
from train import TRAINING_SEASONS, fit, load, write_json  # noqa: E402

ROWS = 25
SEED = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the three gamelog-<season>.csv files"
    )
    data = parser.parse_args().data
    features, _, _ = load(data, TRAINING_SEASONS)
    generator = np.random.default_rng(SEED)
    rows = Copula(features.astype(np.float64), generator).draw(ROWS, generator)
    models, _, _ = fit(data)
    served = rows.astype(np.float32)  # what the model's float32 input makes of the figures below
    expected = {
        version: {
            "label": model.predict(served).tolist(),
            "probabilities": model.predict_proba(served).tolist(),
        }
        for version, model in models.items()
    }
    write_json(
        HERE / "expected.json",
        {
            "feature_names": FEATURE_NAMES,
            "class_labels": CLASS_LABELS,
            "features": rows.tolist(),
            "expected": expected,
        },
    )


if __name__ == "__main__":
    main()
