"""The two models, how v2 was chosen, and their measures. Both take all FEATURE_NAMES in that order."""

import numpy as np
from game_features import FEATURE_NAMES
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 20240414

RECENT_FORM = [name for name in FEATURE_NAMES if name.endswith(("_last5", "_last10"))]
SEASON_STRENGTH_AND_SCHEDULE = [name for name in FEATURE_NAMES if name not in RECENT_FORM]


def logistic(names: list[str], inverse_penalty: float) -> Pipeline:
    """Standardised logistic regression that takes the whole vector and looks at `names` only."""
    columns = [FEATURE_NAMES.index(name) for name in names]
    return make_pipeline(
        ColumnTransformer([("standardise", StandardScaler(), columns)]),
        LogisticRegression(C=inverse_penalty),
    )


def boosted(trees: int, depth: int) -> GradientBoostingClassifier:
    return GradientBoostingClassifier(
        n_estimators=trees,
        max_depth=depth,
        learning_rate=0.05,
        subsample=0.7,
        min_samples_leaf=30,
        random_state=SEED,
    )


def version_1() -> Pipeline:
    """The first model anyone would try: recent form and nothing else."""
    return logistic(RECENT_FORM, 1.0)


def candidates() -> dict[str, object]:
    """What may become v2; chosen on the training seasons only."""
    penalties = [0.003, 0.01, 0.03, 0.1, 1.0]
    return {
        **{f"season_and_schedule_C{c}": logistic(SEASON_STRENGTH_AND_SCHEDULE, c) for c in penalties},
        **{f"all_features_C{c}": logistic(FEATURE_NAMES, c) for c in penalties},
        **{f"boosted_{n}x{d}": boosted(n, d) for n in (50, 100) for d in (1, 2, 3)},
    }


def cross_validate(
    model, features: np.ndarray, home_won: np.ndarray, seasons: np.ndarray
) -> dict[str, float]:
    """Mean log loss and accuracy when each season in turn is predicted from the others."""
    folds = []
    for season in np.unique(seasons):
        held_out = seasons == season
        fitted = clone(model).fit(features[~held_out], home_won[~held_out])
        folds.append(measure(fitted.predict_proba(features[held_out])[:, 1], home_won[held_out]))
    return {
        name: round(float(np.mean([fold[name] for fold in folds])), 6) for name in ("log_loss", "accuracy")
    }


def measure(probability_home: np.ndarray, home_won: np.ndarray) -> dict[str, float]:
    """Accuracy at 0.5, log loss in nats, Brier score and ROC AUC."""
    measures = {
        "accuracy": accuracy_score(home_won, probability_home > 0.5),
        "log_loss": log_loss(home_won, probability_home, labels=[0, 1]),
        "brier": brier_score_loss(home_won, probability_home),
        "roc_auc": roc_auc_score(home_won, probability_home),
    }
    return {name: round(float(value), 6) for name, value in measures.items()}


def paired_difference(first: np.ndarray, second: np.ndarray, home_won: np.ndarray) -> dict[str, list[float]]:
    """95 % bootstrap intervals over games of v2 minus v1, log loss and accuracy (10 000 resamples)."""

    def loss(probability: np.ndarray) -> np.ndarray:
        return -np.log(np.where(home_won == 1, probability, 1 - probability))

    def right(probability: np.ndarray) -> np.ndarray:
        return ((probability > 0.5) == (home_won == 1)).astype(float)

    picks = np.random.default_rng(SEED).integers(0, len(home_won), (10_000, len(home_won)))
    return {
        name: [round(float(bound), 4) for bound in np.quantile(per_game[picks].mean(axis=1), [0.025, 0.975])]
        for name, per_game in (
            ("log_loss", loss(second) - loss(first)),
            ("accuracy", right(second) - right(first)),
        )
    }
