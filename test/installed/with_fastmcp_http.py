"""fastmcp's client over HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp_reader import FastmcpReader
from session_http import HttpClient, main


class Connected:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.reader = FastmcpReader(client)

    async def tools(self) -> list[str]:
        return [tool.name for tool in await self.client.list_tools()]

    async def call(self, name: str, arguments: dict) -> tuple[bool, str]:
        result = await self.client.call_tool(name, arguments, raise_on_error=False)
        return result.is_error, result.content[0].text

    async def call_with_progress(
        self, name: str, arguments: dict, progress: Callable[[float], None]
    ) -> tuple[bool, str]:
        async def told(done: float, total: float | None, message: str | None) -> None:
            progress(done)

        result = await self.client.call_tool(name, arguments, progress_handler=told, raise_on_error=False)
        return result.is_error, result.content[0].text


@asynccontextmanager
async def connect(address: str, headers: dict[str, str]) -> AsyncIterator[HttpClient]:
    async with Client(StreamableHttpTransport(address, headers=headers)) as client:
        yield Connected(client)


main(connect)
