"""fastmcp's client."""

from pathlib import Path

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from session import main, session


async def connect(command: str, environment: dict[str, str], example: Path) -> None:
    async with Client(StdioTransport(command, [], env=environment)) as client:

        async def call(name: str, arguments: dict) -> tuple[bool, str]:
            result = await client.call_tool(name, arguments, raise_on_error=False)
            return result.is_error, result.content[0].text

        await session([tool.name for tool in await client.list_tools()], call, example)


main(connect)
