"""The Python SDK's client session, which version 1 and 2 both have: tools, then all else that a client can ask."""

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from reading import Heard, hear_of_changes, read_all
from sdk_reader import SdkReader, member
from session import Installed, main, session


async def connect(installed: Installed) -> None:
    server = StdioServerParameters(command=installed.command, args=[], env=installed.environment)
    heard = Heard()
    async with stdio_client(server) as (read, write), ClientSession(
        read, write, message_handler=heard
    ) as client:
        await client.initialize()

        async def call(name: str, arguments: dict) -> tuple[bool, str]:
            result = await client.call_tool(name, arguments)
            return bool(member(result, "isError", "is_error")), result.content[0].text

        listed = await client.list_tools()
        await session([tool.name for tool in listed.tools], call, installed.example)
        reader = SdkReader(client)
        await read_all(reader, call, installed.example, installed.home)
        await hear_of_changes(reader, heard, installed.run)


main(connect)
