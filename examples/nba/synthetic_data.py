"""Synthetic rows that follow the training seasons without repeating them.

A Gaussian copula: the exact empirical marginals (quantiles) of every feature, and the correlations of their
normal scores. `*_back_to_back` follows from `*_rest_days` and is not drawn on its own.
"""

from datetime import date, timedelta

import numpy as np
from game_features import FEATURE_NAMES
from scipy.stats import ks_2samp, norm, rankdata

DRAWN = [name for name in FEATURE_NAMES if not name.endswith("_back_to_back")]
TEAMS = (
    "ATL BOS BKN CHA CHI CLE DAL DEN DET GSW HOU IND LAC LAL MEM "
    "MIA MIL MIN NOP NYK OKC ORL PHI PHX POR SAC SAS TOR UTA WAS"
).split()
GAMES_A_DAY = 7


class Copula:
    def __init__(self, features: np.ndarray, generator: np.random.Generator):
        """`features`: [rows, len(FEATURE_NAMES)]; ties are ranked in random order, column by column."""
        self.columns = {name: features[:, FEATURE_NAMES.index(name)] for name in DRAWN}
        scores = []
        for column in self.columns.values():
            order = np.lexsort((generator.random(len(column)), column))
            ranks = np.empty(len(column))
            ranks[order] = np.arange(1, len(column) + 1)
            scores.append(norm.ppf(ranks / (len(column) + 1)))
        self.correlation = np.corrcoef(scores)

    def draw(self, rows: int, generator: np.random.Generator) -> np.ndarray:
        """Independent rows, [rows, len(FEATURE_NAMES)]."""
        return self._to_features(norm.cdf(self._normal(rows, generator)))

    def profile(self, rows: int, generator: np.random.Generator) -> np.ndarray:
        """Rows whose marginals are the empirical quantiles at (i + 1/2) / rows: no sampling error."""
        ranks = rankdata(self._normal(rows, generator), axis=0)
        return self._to_features((ranks - 0.5) / rows)

    def _normal(self, rows: int, generator: np.random.Generator) -> np.ndarray:
        return generator.multivariate_normal(np.zeros(len(DRAWN)), self.correlation, rows, method="cholesky")

    def _to_features(self, uniform: np.ndarray) -> np.ndarray:
        drawn = {
            name: np.round(np.quantile(self.columns[name], uniform[:, index], method="inverted_cdf"), 4)
            for index, name in enumerate(DRAWN)
        }
        for side in ("home", "away"):
            drawn[f"{side}_back_to_back"] = (drawn[f"{side}_rest_days"] == 0).astype(float)
        return np.column_stack([drawn[name] for name in FEATURE_NAMES])


def schedule(games: int, first_day: date, prefix: str, generator: np.random.Generator) -> list[list[str]]:
    """game_id, game_date, home_team, away_team; no team plays twice a day. Not a real schedule."""
    rows: list[list[str]] = []
    while len(rows) < games:
        day = first_day + timedelta(days=len(rows) // GAMES_A_DAY)
        teams = generator.permutation(TEAMS)
        for home, away in zip(teams[::2][:GAMES_A_DAY], teams[1::2], strict=False):
            rows.append([f"{prefix}-{len(rows) + 1:04d}", day.isoformat(), str(home), str(away)])
    return rows[:games]


def plausible_shift(features: np.ndarray) -> np.ndarray:
    """A faster, denser league: +8 points for and against per game, one rest day fewer."""
    shifted = features.copy()
    for index, name in enumerate(FEATURE_NAMES):
        if name.endswith(("_points_last10", "_points_allowed_last10")):
            shifted[:, index] += 8
        if name.endswith("_rest_days"):
            shifted[:, index] = np.maximum(shifted[:, index] - 1, 0)
            back_to_back = FEATURE_NAMES.index(name.replace("rest_days", "back_to_back"))
            shifted[:, back_to_back] = shifted[:, index] == 0
    return shifted


def kolmogorov_smirnov(reference: np.ndarray, window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two-sample D and p-value of every feature."""
    tests = [ks_2samp(reference[:, index], window[:, index]) for index in range(len(FEATURE_NAMES))]
    return np.array([test.statistic for test in tests]), np.array([test.pvalue for test in tests])
