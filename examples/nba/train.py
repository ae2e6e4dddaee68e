"""Train home-win v1 and v2 and write everything under examples/nba that is learnt from the data.

    python examples/nba/train.py --data DIR

DIR holds gamelog-2021-22.csv, gamelog-2022-23.csv (training) and gamelog-2023-24.csv (held out, used only to
report). Seeds are fixed: with the versions of requirements.txt a second run writes the same bytes.
"""

import argparse
import csv
import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import onnxruntime
from game_features import CLASS_LABELS, FEATURE_NAMES, MINIMUM_GAMES_PLAYED, build_rows, read_games
from models import SEED, candidates, cross_validate, logistic, measure, paired_difference, version_1
from scipy.stats import false_discovery_control
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from synthetic_data import Copula, kolmogorov_smirnov, plausible_shift, schedule

HERE = Path(__file__).parent
TRAINING_SEASONS = ["2021-22", "2022-23"]
HELD_OUT_SEASON = "2023-24"
REFERENCE_ROWS = 2_000
SEASON_ROWS = 1_230
TONIGHT_ROWS = 7


def load(data: Path, seasons: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features float32 [N, F], home_won 0/1 [N], season [N], of the games played in `seasons`."""
    games = [game for season in seasons for game in read_games(data / f"gamelog-{season}.csv")]
    rows = [row for row in build_rows(games) if row["home_won"] is not None]
    features = np.array([[row[name] for name in FEATURE_NAMES] for row in rows], dtype=np.float32)
    return (
        features,
        np.array([int(row["home_won"]) for row in rows]),
        np.array([row["season"] for row in rows]),
    )


def fit(data: Path) -> tuple[dict[str, object], dict[str, dict], str]:
    """Both versions fitted on the training seasons, the cross-validation behind them, v2's name in it."""
    features, home_won, seasons = load(data, TRAINING_SEASONS)
    scores = {
        name: cross_validate(model, features, home_won, seasons) for name, model in candidates().items()
    }
    chosen = min(scores, key=lambda name: scores[name]["log_loss"])
    scores["net_rating_alone"] = cross_validate(
        logistic(["net_rating_difference"], 1.0), features, home_won, seasons
    )
    scores["v1"] = cross_validate(version_1(), features, home_won, seasons)
    models = {"v1": version_1(), "v2": candidates()[chosen]}
    return {version: model.fit(features, home_won) for version, model in models.items()}, scores, chosen


def export(version: str, model, check: np.ndarray) -> None:
    """Write home_win_<version>.onnx; fails when ONNX Runtime and scikit-learn differ by 1e-5 on `check`."""
    onnx_model = to_onnx(
        model,
        name=f"home_win_{version}",
        initial_types=[("features", FloatTensorType([None, len(FEATURE_NAMES)]))],
        options={"zipmap": False},
        target_opset={"": 17, "ai.onnx.ml": 3},
    )
    names = [output.name for output in onnx_model.graph.output]
    if names != ["label", "probabilities"]:
        raise RuntimeError(f"unexpected outputs {names}")
    path = HERE / f"home_win_{version}.onnx"
    path.write_bytes(onnx_model.SerializeToString(deterministic=True))
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    _, served = session.run(names, {"features": check})
    distance = float(np.abs(served - model.predict_proba(check)).max())
    if distance > 1e-5:
        raise RuntimeError(f"{path.name}: ONNX Runtime differs from scikit-learn by {distance}")


def evaluate(data: Path, models: dict[str, object], scores: dict, chosen: str) -> dict:
    """Honest numbers on the held-out season, which nothing above has looked at."""
    _, trained_on, _ = load(data, TRAINING_SEASONS)
    features, home_won, _ = load(data, [HELD_OUT_SEASON])
    probability = {version: model.predict_proba(features)[:, 1] for version, model in models.items()}
    always = np.full(len(home_won), trained_on.mean())
    return {
        "training": {
            "seasons": TRAINING_SEASONS,
            "rows": len(trained_on),
            "home_win_share": round(float(trained_on.mean()), 6),
        },
        "held_out": {
            "season": HELD_OUT_SEASON,
            "rows": len(home_won),
            "home_win_share": round(float(home_won.mean()), 6),
        },
        "home_always_wins": {
            name: measure(always, home_won)[name] for name in ("accuracy", "log_loss", "brier")
        },
        **{version: measure(values, home_won) for version, values in probability.items()},
        "v2_minus_v1_95_percent": paired_difference(probability["v1"], probability["v2"], home_won),
        "v2_chosen": chosen,
        "cross_validation_on_training_seasons": scores,
    }


def write_synthetic(data: Path, models: dict[str, object]) -> dict:
    """reference.csv, season.csv and tonight.csv; returns how season.csv compares with 200 other draws."""
    features, _, _ = load(data, TRAINING_SEASONS)
    generator = np.random.default_rng(SEED)
    copula = Copula(features.astype(np.float64), generator)
    reference = copula.profile(REFERENCE_ROWS, generator)
    season = typical_draw(copula, reference, generator)
    tonight = copula.draw(TONIGHT_ROWS, generator)

    probability = models["v2"].predict_proba(season.astype(np.float32))[:, 1]
    actual = [CLASS_LABELS[int(won)] for won in generator.random(SEASON_ROWS) < probability]
    games = schedule(SEASON_ROWS, date(2024, 10, 21), "synthetic", generator)
    games_tonight = schedule(TONIGHT_ROWS, date(2025, 4, 15), "tonight", generator)

    lead = ["game_id", "game_date", "home_team", "away_team"]
    write_csv(HERE / "reference.csv", FEATURE_NAMES, figures(reference))
    season_rows = [game + row + [won] for game, row, won in zip(games, figures(season), actual, strict=True)]
    write_csv(HERE / "season.csv", [*lead, *FEATURE_NAMES, "actual"], season_rows)
    write_csv(
        HERE / "tonight.csv",
        [*lead, *FEATURE_NAMES],
        [g + row for g, row in zip(games_tonight, figures(tonight), strict=True)],
    )

    known = {tuple(row) for row in np.round(features.astype(np.float64), 4)}
    if any(tuple(row) in known for row in np.vstack([reference, season, tonight])):
        raise RuntimeError("a synthetic row repeats a real one")
    statistic, p_value = kolmogorov_smirnov(reference, season)
    shifted, _ = kolmogorov_smirnov(reference, plausible_shift(season))
    others = [kolmogorov_smirnov(reference, copula.draw(SEASON_ROWS, generator))[0].max() for _ in range(200)]
    moved = [name for name in FEATURE_NAMES if name.endswith(("_last10", "_rest_days", "_back_to_back"))]
    return {
        "largest_d": round(float(statistic.max()), 4),
        "smallest_adjusted_p": round(float(false_discovery_control(p_value).min()), 4),
        "share_of_200_draws_with_smaller_largest_d": round(
            float(np.mean(np.array(others) < statistic.max())), 3
        ),
        "largest_d_of_200_draws_95_percent": round(float(np.quantile(others, 0.95)), 4),
        "d_after_plausible_shift": {
            name: round(float(shifted[FEATURE_NAMES.index(name)]), 4) for name in moved
        },
        "home_win_share": round(actual.count("home_win") / SEASON_ROWS, 4),
    }


def typical_draw(copula: Copula, reference: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Of 21 seasons drawn, the median by largest D against the reference: neither lucky nor unlucky."""
    draws = [copula.draw(SEASON_ROWS, generator) for _ in range(21)]
    return sorted(draws, key=lambda draw: kolmogorov_smirnov(reference, draw)[0].max())[10]


def figures(features: np.ndarray) -> list[list[str]]:
    return [[f"{value:.10g}" for value in row] for row in features]


def write_csv(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def fill_model_card(metrics: dict) -> None:
    """Replace the table between the markers of model_card.md."""
    rows = ["| | accuracy | log loss | Brier | ROC AUC |", "| --- | --- | --- | --- | --- |"]
    for title, key in (("home always wins", "home_always_wins"), ("v1", "v1"), ("v2", "v2")):
        cells = [
            f"{metrics[key][name]:.4f}" if name in metrics[key] else "–"
            for name in ("accuracy", "log_loss", "brier", "roc_auc")
        ]
        rows.append(f"| {title} | {' | '.join(cells)} |")
    card = HERE / "model_card.md"
    table = "\n".join(rows)
    pattern = r"(<!-- measured -->\n\n).*?(\n\n<!-- /measured -->)"
    text = re.sub(
        pattern, lambda found: found[1] + table + found[2], card.read_text(encoding="utf-8"), flags=re.S
    )
    card.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the three gamelog-<season>.csv files"
    )
    data = parser.parse_args().data
    models, scores, chosen = fit(data)
    held_out, _, _ = load(data, [HELD_OUT_SEASON])
    for version, model in models.items():
        export(version, model, held_out)
    write_json(HERE / "features.json", {"feature_names": FEATURE_NAMES, "class_labels": CLASS_LABELS})
    metrics = evaluate(data, models, scores, chosen)
    metrics["minimum_games_played"] = MINIMUM_GAMES_PLAYED
    metrics["season_csv_against_reference_csv"] = write_synthetic(data, models)
    write_json(HERE / "metrics.json", metrics)
    fill_model_card(metrics)
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    main()
