"""The Python SDK's client session, which version 1 and 2 both have."""

from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from session import main, session


async def connect(command: str, environment: dict[str, str], example: Path) -> None:
    server = StdioServerParameters(command=command, args=[], env=environment)
    async with stdio_client(server) as (read, write), ClientSession(read, write) as client:
        await client.initialize()

        async def call(name: str, arguments: dict) -> tuple[bool, str]:
            result = await client.call_tool(name, arguments)
            failed = result.is_error if hasattr(result, "is_error") else result.isError
            return bool(failed), result.content[0].text

        listed = await client.list_tools()
        await session([tool.name for tool in listed.tools], call, example)


main(connect)
