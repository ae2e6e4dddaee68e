"""What every client does with an installed ModelYard: lists its tools, deploys the example model, predicts, is refused once.

Run as `python with_CLIENT.py COMMAND EXAMPLE`: the command `modelyard` and the folder of the NBA example.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

Call = Callable[[str, dict], Awaitable[tuple[bool, str]]]
"""A tool's name and arguments; whether it failed, and its text."""


async def session(tools: list[str], call: Call, example: Path) -> None:
    for name in ("deploy_model", "predict", "health_check"):
        assert name in tools, f"{name} is not among {tools}"
    features = json.loads((example / "features.json").read_text())["feature_names"]
    await succeed(
        call,
        "deploy_model",
        {
            "model_id": "nba",
            "version": "1",
            "source": str(example / "home_win_v2.onnx"),
            "feature_names": features,
            "class_labels": ["away_win", "home_win"],
        },
    )
    row = {name: 1 for name in features}
    answer = await succeed(call, "predict", {"model_id": "nba", "inputs": [row]})
    (prediction,) = answer["predictions"]
    assert prediction["value"] in ("away_win", "home_win"), prediction
    assert len(prediction["prediction_id"]) == 36, prediction
    health = await succeed(call, "health_check", {})
    assert health["status"] == "healthy", health
    failed, text = await call("predict", {"model_id": "none", "inputs": [row]})
    assert failed and text.startswith("MODEL_NOT_FOUND: "), text


async def succeed(call: Call, name: str, arguments: dict) -> dict:
    failed, text = await call(name, arguments)
    assert not failed, f"{name}: {text}"
    return json.loads(text)


class Installed:
    """An installed ModelYard with a store of its own, which several processes may open."""

    def __init__(self, command: str, example: Path, home: Path) -> None:
        self.command, self.example, self.home = command, example, home
        self.environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "MODEL_REGISTRY_DIR": str(home / "store"),
            "MODELYARD_ALLOWED_ROOTS": os.pathsep.join([str(example), str(home)]),
        }

    async def run(self, *arguments: str) -> str:
        """What the command line says, run as a process of its own."""
        running = await asyncio.create_subprocess_exec(
            self.command, *arguments, env=self.environment, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await running.communicate()
        assert running.returncode == 0, f"{arguments} ended with {running.returncode}"
        return said.decode().strip()


def installed_in(home: str) -> Installed:
    """By the arguments of the program."""
    return Installed(sys.argv[1], Path(sys.argv[2]).resolve(), Path(home).resolve())


def main(connect: Callable[[Installed], Awaitable[None]]) -> None:
    """Runs a client against a store of its own."""
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(asyncio.wait_for(connect(installed_in(home)), 120))
    print("ok")
