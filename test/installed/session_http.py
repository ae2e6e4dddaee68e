"""What every client does with `modelyard serve`: two workers, tokens, two sessions at once, resources and prompts, progress, a call that is taken back, a token that is revoked.

Run as `python with_CLIENT_http.py COMMAND EXAMPLE`: the command `modelyard` and the folder of the NBA example.
"""

import asyncio
import json
import re
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from reading import Reader, read_all
from session import Installed, installed_in, session


class HttpClient(Protocol):
    """One session with the server."""

    reader: Reader

    async def tools(self) -> list[str]: ...

    async def call(self, name: str, arguments: dict) -> tuple[bool, str]: ...

    async def call_with_progress(
        self, name: str, arguments: dict, progress: Callable[[float], None]
    ) -> tuple[bool, str]: ...


Connect = Callable[[str, dict[str, str]], AbstractAsyncContextManager[HttpClient]]
"""The address of /mcp and the headers to send; a connected client."""


def main(connect: Connect) -> None:
    with tempfile.TemporaryDirectory() as home:
        installed = installed_in(home)
        # The first call at each worker waits until the model is loaded there.
        installed.environment["LATENCY_THRESHOLD_MS"] = "60000"
        asyncio.run(asyncio.wait_for(serve(connect, installed), 240))
    print("ok")


async def serve(connect: Connect, installed: Installed) -> None:
    operator, passing = [
        await installed.run("token", "create", name, "--role", "operator") for name in ("operator", "passing")
    ]
    server = subprocess.Popen(
        [installed.command, "serve", "--port", "0", "--workers", "2"],
        env=installed.environment,
        text=True,
        stderr=subprocess.PIPE,
    )
    try:
        found = None
        while found is None:
            found = re.search(r"serving on (http://[^;]+);", server.stderr.readline())
        await sessions(connect, f"{found[1]}/mcp", operator, passing, installed)
    finally:
        server.terminate()
        assert server.wait(60) == 0, "the server did not end as it should"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def sessions(connect: Connect, address: str, operator: str, passing: str, installed: Installed) -> None:
    features = json.loads((installed.example / "features.json").read_text())["feature_names"]
    row = {name: 1 for name in features}
    predict = {"model_id": "nba", "inputs": [row]}
    async with connect(address, bearer(operator)) as first, connect(address, bearer(passing)) as second:
        await session(await first.tools(), first.call, installed.example)
        await read_all(first.reader, first.call, installed.example, installed.home)

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

        revoke = lambda: installed.run("token", "revoke", "passing")
        assert await is_refused_once_revoked(connect, address, bearer(passing), revoke), "a revoked token is taken still"
        failed, text = await first.call("predict", predict)
        assert not failed, text


async def is_refused_once_revoked(
    connect: Connect, address: str, headers: dict[str, str], revoke: Callable[[], Awaitable[str]]
) -> bool:
    """Whether a session ends with its token; clients say so in ways of their own, some by ending with an error."""
    try:
        async with connect(address, headers) as client:
            await client.tools()
            await revoke()
            for _ in range(200):
                await asyncio.wait_for(client.tools(), 5)
                await asyncio.sleep(0.05)
    except Exception:
        return True
    return False
