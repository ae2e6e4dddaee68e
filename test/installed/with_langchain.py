"""langchain-mcp-adapters, which makes LangChain tools of ours: an agent's model calls them so."""

from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from session import Installed, main, session


async def connect(installed: Installed) -> None:
    client = MultiServerMCPClient(
        {
            "modelyard": {
                "transport": "stdio",
                "command": installed.command,
                "args": [],
                "env": installed.environment,
            }
        }
    )
    async with client.session("modelyard") as opened:
        tools = {tool.name: tool for tool in await load_mcp_tools(opened)}

        async def call(name: str, arguments: dict) -> tuple[bool, str]:
            asked = {"type": "tool_call", "id": "1", "name": name, "args": arguments}
            message = await tools[name].ainvoke(asked)
            return message.status == "error", message.text

        await session(list(tools), call, installed.example)


main(connect)
