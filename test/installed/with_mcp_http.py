"""The Python SDK's client over HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from sdk_reader import SdkReader
from session_http import HttpClient, main


class Connected:
    def __init__(self, client: ClientSession) -> None:
        self.client = client
        self.reader = SdkReader(client)

    async def tools(self) -> list[str]:
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, name: str, arguments: dict) -> tuple[bool, str]:
        result = await self.client.call_tool(name, arguments)
        return result.isError, result.content[0].text

    async def call_with_progress(
        self, name: str, arguments: dict, progress: Callable[[float], None]
    ) -> tuple[bool, str]:
        async def told(done: float, total: float | None, message: str | None) -> None:
            progress(done)

        result = await self.client.call_tool(name, arguments, progress_callback=told)
        return result.isError, result.content[0].text


@asynccontextmanager
async def connect(address: str, headers: dict[str, str]) -> AsyncIterator[HttpClient]:
    async with (
        httpx.AsyncClient(headers=headers, timeout=60) as http,
        streamable_http_client(address, http_client=http) as (read, write, _),
        ClientSession(read, write) as client,
    ):
        await client.initialize()
        yield Connected(client)


main(connect)
