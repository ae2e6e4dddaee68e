"""Write synthetic_game_log.csv (8 teams, 25 games each, LeagueGameLog columns) and Python's features of it.

    python test/examples/nba/make_synthetic_game_log.py && npx biome check --write test/examples

Needs no data: everything is drawn from a fixed seed. The last round is still to be played.
"""

import csv
import random
import sys
from datetime import date, timedelta
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2] / "examples" / "nba"))

from game_features import FEATURE_NAMES, build_rows, read_games  # noqa: E402
from train import write_json  # noqa: E402

TEAMS = {
    "ANT": 4,
    "BEE": 2,
    "CAT": 1,
    "DOG": 0,
    "EEL": 0,
    "FOX": -1,
    "GNU": -2,
    "HEN": -4,
}  # points above average
ROUNDS = 25
COLUMNS = (
    "season_id,team_id,team_abbreviation,team_name,game_id,game_date,matchup,wl,min,fgm,fga,fg_pct,fg3m,fg3a,fg3_pct,"
    "ftm,fta,ft_pct,oreb,dreb,reb,ast,stl,blk,tov,pf,pts,plus_minus,video_available"
).split(",")


def box_score(strength: float, generator: random.Random) -> dict[str, int]:
    box = {
        "fga": generator.randint(80, 96),
        "fta": generator.randint(12, 32),
        "oreb": generator.randint(5, 16),
        "tov": generator.randint(8, 20),
        "fg3m": generator.randint(7, 18),
    }
    box["ftm"] = round(box["fta"] * generator.uniform(0.65, 0.9))
    box["fgm"] = round(box["fga"] * generator.uniform(0.42, 0.5) + strength / 2)
    box["pts"] = 2 * box["fgm"] + box["fg3m"] + box["ftm"]
    return box


def played_round(generator: random.Random) -> list[tuple[str, dict, str, dict]]:
    teams = generator.sample(sorted(TEAMS), len(TEAMS))
    games = []
    for home, away in zip(teams[::2], teams[1::2], strict=True):
        home_box, away_box = box_score(TEAMS[home] + 1, generator), box_score(TEAMS[away] - 1, generator)
        if home_box["pts"] == away_box["pts"]:
            home_box = {**home_box, "fgm": home_box["fgm"] + 1, "pts": home_box["pts"] + 2}
        games.append((home, home_box, away, away_box))
    return games


def row(
    game_id: str, day: date, own: str, other: str, at_home: bool, box: dict, margin: int, played: bool
) -> dict:
    facts = {
        "season_id": "22098",
        "team_id": str(1 + sorted(TEAMS).index(own)),
        "team_abbreviation": own,
        "team_name": f"Synthetic {own.title()}s",
        "game_id": game_id,
        "game_date": day.isoformat(),
        "matchup": f"{own} {'vs.' if at_home else '@'} {other}",
    }
    return (
        {**facts, "wl": "W" if margin > 0 else "L", "min": 240, **box, "plus_minus": margin}
        if played
        else facts
    )


def main() -> None:
    generator = random.Random(25)
    rows = []
    day = date(2098, 10, 20)
    for number in range(ROUNDS):
        day += timedelta(days=generator.choice([1, 1, 2, 2, 2, 3, 4, 8]))
        for index, (home, home_box, away, away_box) in enumerate(played_round(generator)):
            # Half of a round may move to the next day, so that rest differs between two opponents.
            game_day = day + timedelta(days=index % 2)
            game_id = f"00298{number * 4 + index + 1:05d}"
            margin = home_box["pts"] - away_box["pts"]
            played = number < ROUNDS - 1
            neutral = (number, index) == (11, 0)  # both rows say "@"
            rows.append(row(game_id, game_day, home, away, not neutral, home_box, margin, played))
            rows.append(row(game_id, game_day, away, home, False, away_box, -margin, played))
        day += timedelta(days=1)
    rows.reverse()  # the endpoint's own order is newest first
    with open(HERE / "synthetic_game_log.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    built = build_rows(read_games(HERE / "synthetic_game_log.csv"))
    features = {built_row["game_id"]: [built_row[name] for name in FEATURE_NAMES] for built_row in built}
    write_json(HERE / "synthetic_features.json", {"feature_names": FEATURE_NAMES, "features": features})


if __name__ == "__main__":
    main()
