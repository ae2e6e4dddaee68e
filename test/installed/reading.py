"""What every client reads of an installed ModelYard beside calling its tools: resources, templates, completion, prompts.

Each does what its library has; docs/RESOURCES.md says what some do not have.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from session import Call, succeed

Command = Callable[..., Awaitable[str]]
"""Runs the command line on the same store, as a process of its own."""

template = "modelyard://models/{model_id}/versions/{version}"
model = "modelyard://models/nba"
card = f"{model}/versions/1"
pagers = 100
"""Models besides nba: more than one page of the list of resources."""


class Reader(Protocol):
    """One session, by the library's own functions."""

    async def resources(self, cursor: str | None) -> tuple[list[str], str | None]:
        """The addresses on one page, and the cursor of the next."""
        ...

    async def templates(self) -> list[str]: ...

    async def read(self, uri: str) -> str: ...

    async def complete(
        self, kind: str, name: str, argument: tuple[str, str], known: dict[str, str] | None = None
    ) -> list[str]:
        """kind: `resource` with the name of a template, or `prompt`; argument: its name and what is typed of it."""
        ...

    async def prompts(self) -> dict[str, list[str]]:
        """Their names and those of their arguments."""
        ...

    async def prompt(self, name: str, arguments: dict[str, str]) -> str: ...


class Subscriber(Protocol):
    async def subscribe(self, uri: str) -> None: ...

    async def unsubscribe(self, uri: str) -> None: ...


class Heard:
    """What the server said of changes. Libraries hand notifications on in shapes of their own, which all show the address."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.more = asyncio.Event()

    async def __call__(self, message: object) -> None:
        if "ResourceUpdated" in repr(message):
            self.messages.append(repr(message))
            self.more.set()

    async def of(self, uri: str) -> None:
        while not any(f"'{uri}'" in message for message in self.messages):
            self.more.clear()
            await self.more.wait()


async def read_all(reader: Reader, call: Call, example: Path, folder: Path) -> None:
    """After `session`: the model nba has version 1. The server writes to the folder."""
    written = folder / "predictions.csv"
    asked = {"model_id": "nba", "input_path": str(example / "season.csv"), "output_path": str(written)}
    await succeed(call, "predict_file", asked)
    source = str(example / "home_win_v2.onnx")
    for number in range(pagers):
        await succeed(call, "register_model", {"model_id": f"pager-{number}", "version": "1", "source": source})

    first, cursor = await reader.resources(None)
    assert len(first) == 100 and cursor is not None, (len(first), cursor)
    uris = list(first)
    while cursor is not None:
        page, cursor = await reader.resources(cursor)
        uris += page
    models = [f"modelyard://models/{name}" for name in ("nba", *(f"pager-{number}" for number in range(pagers)))]
    whole = ["modelyard://models", "modelyard://rollouts", "modelyard://alerts"]
    assert sorted(uris) == sorted([*whole, written.as_uri(), *models]), uris
    assert template in await reader.templates()

    listed = json.loads(await reader.read("modelyard://models"))
    assert listed["total"] == pagers + 1 and listed["models"][0]["uri"] == model, listed
    (last,) = json.loads(await reader.read(listed["next"]))["models"]
    assert last["model_id"] == "pager-99", last
    facts = json.loads(await reader.read(card))
    assert facts["model"]["model_id"] == "nba" and facts["version"]["version"] == "1", facts
    assert json.loads(await reader.read(f"{model}/health"))["status"] == "healthy"
    assert json.loads(await reader.read(f"{model}/drift/latest"))["model_id"] == "nba"
    rows = (await reader.read(written.as_uri())).splitlines()
    assert "prediction_id" in rows[0] and len(rows) > 1, rows[:2]
    for uri, code in (("modelyard://models/nbb", "MODEL_NOT_FOUND"), ("file:///etc/passwd", "No answer of this session")):
        try:
            text = await reader.read(uri)
        except Exception as error:
            assert code in str(error), error
        else:
            raise AssertionError(f"{uri} was read: {text}")

    assert await reader.complete("resource", template, ("model_id", "pager-9")) == [
        "pager-9",
        *(f"pager-{number}" for number in range(90, 100)),
    ]
    assert await reader.complete("resource", template, ("version", ""), {"model_id": "nba"}) == ["1"]
    assert await reader.complete("prompt", "roll_out_safely", ("model_id", "n")) == ["nba"]

    prompts = await reader.prompts()
    assert set(prompts) == {
        "first_tour",
        "deploy_and_verify",
        "roll_out_safely",
        "investigate_drift",
        "incident_triage",
    }, prompts
    assert prompts["roll_out_safely"] == ["model_id", "version"], prompts
    text = await reader.prompt("roll_out_safely", {"model_id": "nba", "version": "1"})
    assert "`start_rollout`" in text and "nba" in text, text


async def hear_of_changes(subscriber: Subscriber, heard: Heard, command: Command) -> None:
    """Another process changes what the client has subscribed to, and only that is told."""
    for uri in (card, model, "modelyard://rollouts"):
        await subscriber.subscribe(uri)
    await command("update_model", "model_id=nba", "description=Who wins at home.")
    await heard.of(card)
    await heard.of(model)
    await subscriber.unsubscribe(card)
    heard.messages.clear()
    await command("update_model", "model_id=nba", "description=Home wins.")
    await heard.of(model)
    assert not any(card in message or "rollouts" in message for message in heard.messages), heard.messages
