"""The Python SDK's own client of version 2, which asks for the newest protocol first."""

from mcp import Client, StdioServerParameters
from reading import Heard, hear_of_changes, read_all
from sdk_reader import ClientReader
from session import Installed, main, session


async def connect(installed: Installed) -> None:
    server = StdioServerParameters(command=installed.command, args=[], env=installed.environment)
    heard = Heard()
    async with Client(server, message_handler=heard) as client:

        async def call(name: str, arguments: dict) -> tuple[bool, str]:
            result = await client.call_tool(name, arguments)
            return bool(result.is_error), result.content[0].text

        listed = await client.list_tools()
        await session([tool.name for tool in listed.tools], call, installed.example)
        reader = ClientReader(client)
        await read_all(reader, call, installed.example, installed.home)
        await hear_of_changes(reader, heard, installed.run)


main(connect)
