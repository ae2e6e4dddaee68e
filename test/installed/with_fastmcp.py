"""fastmcp's client."""

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp_reader import FastmcpReader
from reading import Heard, hear_of_changes, read_all
from session import Installed, main, session


async def connect(installed: Installed) -> None:
    heard = Heard()
    transport = StdioTransport(installed.command, [], env=installed.environment)
    async with Client(transport, message_handler=heard) as client:

        async def call(name: str, arguments: dict) -> tuple[bool, str]:
            result = await client.call_tool(name, arguments, raise_on_error=False)
            return result.is_error, result.content[0].text

        await session([tool.name for tool in await client.list_tools()], call, installed.example)
        reader = FastmcpReader(client)
        await read_all(reader, call, installed.example, installed.home)
        await hear_of_changes(reader, heard, installed.run)


main(connect)
