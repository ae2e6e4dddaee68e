"""Features of an NBA game that are known before tip-off, from LeagueGameLog rows.

`features.ts` is the same computation for serving; `test/examples/nba` proves the two equal to 1e-9.
A team's history is its games of the same season on strictly earlier dates, so nothing leaks backwards.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from pathlib import Path

CLASS_LABELS = ["away_win", "home_win"]

FEATURE_NAMES = [
    "home_points_last10",  # points per game over the last 10 games
    "home_points_allowed_last10",  # points conceded per game over the last 10 games
    "home_win_share",  # share of the season's games won so far, 0..1
    "home_wins_last5",  # wins in the last 5 games, 0..5
    "home_rest_days",  # free days since the last game, capped at 5
    "home_back_to_back",  # 1 when the team played the day before, else 0
    "away_points_last10",
    "away_points_allowed_last10",
    "away_win_share",
    "away_wins_last5",
    "away_rest_days",
    "away_back_to_back",
    "net_rating_difference",  # season-to-date net rating, home minus away, points per 100 possessions
]

MINIMUM_GAMES_PLAYED = 5
POINTS_WINDOW = 10
FORM_WINDOW = 5
REST_DAYS_CAP = 5
# Weight of a free throw attempt in the usual estimate of possessions:
# FGA + 0.44 FTA - OREB + TOV (Kubatko et al., "A Starting Point for Analyzing Basketball Statistics", 2007).
FREE_THROW_WEIGHT = 0.44


@dataclass(frozen=True)
class TeamLine:
    """One team's side of a game; zeros until it has been played."""

    team: str
    points: int
    possessions: float


@dataclass(frozen=True)
class Game:
    """A game; `played` is False for one that is scheduled or still going on."""

    game_id: str
    season: str
    day: date
    home: TeamLine
    away: TeamLine
    played: bool

    @property
    def home_won(self) -> bool:
        return self.home.points > self.away.points


def read_games(path: Path) -> list[Game]:
    """Read one LeagueGameLog CSV (two rows a game) as games ordered by date, then game id.

    On a neutral court both rows may say "@"; then the alphabetically first team counts as home.
    """
    with open(path, newline="", encoding="utf-8") as file:
        rows = [{key.lower(): value for key, value in row.items()} for row in csv.DictReader(file)]
    sides: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        sides[row["game_id"]].append(row)
    games = [_game(game_id, pair) for game_id, pair in sides.items()]
    return sorted(games, key=lambda game: (game.day, game.game_id))


def _game(game_id: str, pair: list[dict[str, str]]) -> Game:
    if len(pair) != 2:
        raise ValueError(f"game {game_id} has {len(pair)} rows, expected 2")
    home, away = sorted(pair, key=lambda row: (" @ " in row["matchup"], row["team_abbreviation"]))
    played = home["wl"] in ("W", "L") and away["wl"] in ("W", "L")
    day = date.fromisoformat(home["game_date"][:10])
    return Game(game_id, home["season_id"], day, _line(home, played), _line(away, played), played)


def _line(row: dict[str, str], played: bool) -> TeamLine:
    if not played:
        return TeamLine(row["team_abbreviation"], 0, 0.0)
    attempts = int(row["fga"]) + FREE_THROW_WEIGHT * int(row["fta"])
    return TeamLine(row["team_abbreviation"], int(row["pts"]), attempts - int(row["oreb"]) + int(row["tov"]))


@dataclass(frozen=True)
class PastGame:
    """A played game seen from one team."""

    day: date
    points: int
    points_allowed: int
    possessions: float  # mean of both teams' estimates

    @property
    def won(self) -> bool:
        return self.points > self.points_allowed


def build_rows(games: list[Game]) -> list[dict]:
    """One row a game whose two teams have each played MINIMUM_GAMES_PLAYED games of the season before it.

    A row holds game_id, season, day, home, away, home_won (None if unplayed) and every name of FEATURE_NAMES.
    """
    histories: dict[tuple[str, str], list[PastGame]] = defaultdict(list)
    rows = []
    for game in sorted(games, key=lambda game: (game.day, game.game_id)):
        home_past = _before(histories[game.season, game.home.team], game.day)
        away_past = _before(histories[game.season, game.away.team], game.day)
        if min(len(home_past), len(away_past)) >= MINIMUM_GAMES_PLAYED:
            rows.append(
                {
                    "game_id": game.game_id,
                    "season": game.season,
                    "day": game.day,
                    "home": game.home.team,
                    "away": game.away.team,
                    "home_won": game.home_won if game.played else None,
                    **_features(home_past, away_past, game.day),
                }
            )
        if game.played:
            possessions = (game.home.possessions + game.away.possessions) / 2
            for own, other in ((game.home, game.away), (game.away, game.home)):
                past = PastGame(game.day, own.points, other.points, possessions)
                histories[game.season, own.team].append(past)
    return rows


def _before(history: list[PastGame], day: date) -> list[PastGame]:
    return [past for past in history if past.day < day]


def _features(home: list[PastGame], away: list[PastGame], day: date) -> dict[str, float]:
    return {
        **_side("home", home, day),
        **_side("away", away, day),
        "net_rating_difference": _net_rating(home) - _net_rating(away),
    }


def _side(side: str, history: list[PastGame], day: date) -> dict[str, float]:
    recent = history[-POINTS_WINDOW:]
    rest_days = (day - history[-1].day).days - 1
    return {
        f"{side}_points_last10": sum(past.points for past in recent) / len(recent),
        f"{side}_points_allowed_last10": sum(past.points_allowed for past in recent) / len(recent),
        f"{side}_win_share": sum(past.won for past in history) / len(history),
        f"{side}_wins_last5": float(sum(past.won for past in history[-FORM_WINDOW:])),
        f"{side}_rest_days": float(min(rest_days, REST_DAYS_CAP)),
        f"{side}_back_to_back": float(rest_days == 0),
    }


def _net_rating(history: list[PastGame]) -> float:
    """Points scored minus points allowed per 100 possessions over the season so far."""
    margin = sum(past.points - past.points_allowed for past in history)
    return 100 * margin / sum(past.possessions for past in history)
