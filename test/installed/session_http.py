"""What every client does with `modelyard serve`: two workers, tokens, two sessions at once, progress, a call that is taken back, a token that is revoked.

Run as `python with_CLIENT_http.py COMMAND EXAMPLE`: the command `modelyard` and the folder of the NBA example.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from session import session


class HttpClient(Protocol):
    """One session with the server."""

    async def tools(self) -> list[str]: ...

    async def call(self, name: str, arguments: dict) -> tuple[bool, str]: ...

    async def call_with_progress(
        self, name: str, arguments: dict, progress: Callable[[float], None]
    ) -> tuple[bool, str]: ...


Connect = Callable[[str, dict[str, str]], AbstractAsyncContextManager[HttpClient]]
"""The address of /mcp and the headers to send; a connected client."""


def main(connect: Connect) -> None:
    command, example = sys.argv[1], Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as home:
        environment = {
            "HOME": home,
            "PATH": os.environ["PATH"],
            "MODEL_REGISTRY_DIR": str(Path(home) / "store"),
            "MODELYARD_ALLOWED_ROOTS": str(example),
            # The first call at each worker waits until the model is loaded there.
            "LATENCY_THRESHOLD_MS": "60000",
        }

        def run(*arguments: str) -> str:
            return subprocess.run(
                [command, *arguments], env=environment, check=True, text=True, stdout=subprocess.PIPE
            ).stdout.strip()

        operator, passing = (run("token", "create", name, "--role", "operator") for name in ("operator", "passing"))
        server = subprocess.Popen(
            [command, "serve", "--port", "0", "--workers", "2"], env=environment, text=True, stderr=subprocess.PIPE
        )
        try:
            found = None
            while found is None:
                found = re.search(r"serving on (http://[^;]+);", server.stderr.readline())
            address = f"{found[1]}/mcp"
            revoke = lambda: run("token", "revoke", "passing")
            asyncio.run(asyncio.wait_for(sessions(connect, address, operator, passing, revoke, example), 180))
        finally:
            server.terminate()
            assert server.wait(60) == 0, "the server did not end as it should"
    print("ok")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def sessions(
    connect: Connect, address: str, operator: str, passing: str, revoke: Callable[[], str], example: Path
) -> None:
    features = json.loads((example / "features.json").read_text())["feature_names"]
    row = {name: 1 for name in features}
    predict = {"model_id": "nba", "inputs": [row]}
    async with connect(address, bearer(operator)) as first, connect(address, bearer(passing)) as second:
        await session(await first.tools(), first.call, example)

        answers = await asyncio.gather(*(client.call("predict", predict) for client in (first, second) * 20))
        assert not any(failed for failed, _ in answers), answers

        told: list[float] = []
        rows = [{**row, features[0]: number} for number in range(1000)]
        failed, text = await first.call("set_reference_data", {"model_id": "nba", "version": "1", "data": rows})
        assert not failed, text
        failed, text = await first.call_with_progress("detect_drift", {"model_id": "nba", "current_data": rows}, told.append)
        assert not failed, text
        assert told == sorted(told), told

        # A client that gives up leaves the session as it was.
        giving_up = asyncio.create_task(first.call("detect_drift", {"model_id": "nba", "current_data": rows}))
        await asyncio.sleep(0)
        giving_up.cancel()
        await asyncio.gather(giving_up, return_exceptions=True)
        failed, text = await first.call("health_check", {})
        assert not failed, text

        assert await is_refused_once_revoked(connect, address, bearer(passing), revoke), "a revoked token is taken still"
        failed, text = await first.call("predict", predict)
        assert not failed, text


async def is_refused_once_revoked(
    connect: Connect, address: str, headers: dict[str, str], revoke: Callable[[], str]
) -> bool:
    """Whether a session ends with its token; clients say so in ways of their own, some by ending with an error."""
    try:
        async with connect(address, headers) as client:
            await client.tools()
            revoke()
            for _ in range(200):
                await asyncio.wait_for(client.tools(), 5)
                await asyncio.sleep(0.05)
    except Exception:
        return True
    return False
