"""The Python SDK's client of version 2 over HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from sdk_reader import ClientReader
from session_http import HttpClient, main


class Connected:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.reader = ClientReader(client)

    async def tools(self) -> list[str]:
        return [tool.name for tool in (await self.client.list_tools(cache_mode="refresh")).tools]

    async def call(self, name: str, arguments: dict) -> tuple[bool, str]:
        result = await self.client.call_tool(name, arguments)
        return bool(result.is_error), result.content[0].text

    async def call_with_progress(
        self, name: str, arguments: dict, progress: Callable[[float], None]
    ) -> tuple[bool, str]:
        async def told(done: float, total: float | None, message: str | None) -> None:
            progress(done)

        result = await self.client.call_tool(name, arguments, progress_callback=told)
        return bool(result.is_error), result.content[0].text


@asynccontextmanager
async def connect(address: str, headers: dict[str, str]) -> AsyncIterator[HttpClient]:
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(address, http_client=http)) as client,
    ):
        yield Connected(client)


main(connect)
