"""The Python SDK's own client of version 2, which asks for the newest protocol first."""

from pathlib import Path

from mcp import Client, StdioServerParameters
from session import main, session


async def connect(command: str, environment: dict[str, str], example: Path) -> None:
    async with Client(StdioServerParameters(command=command, args=[], env=environment)) as client:

        async def call(name: str, arguments: dict) -> tuple[bool, str]:
            result = await client.call_tool(name, arguments)
            return bool(result.is_error), result.content[0].text

        listed = await client.list_tools()
        await session([tool.name for tool in listed.tools], call, example)


main(connect)
