"""langchain-mcp-adapters, which makes LangChain tools of ours: an agent's model calls them so."""

from pathlib import Path

from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from session import main, session


async def connect(command: str, environment: dict[str, str], example: Path) -> None:
    client = MultiServerMCPClient(
        {"modelyard": {"transport": "stdio", "command": command, "args": [], "env": environment}}
    )
    async with client.session("modelyard") as opened:
        tools = {tool.name: tool for tool in await load_mcp_tools(opened)}

        async def call(name: str, arguments: dict) -> tuple[bool, str]:
            asked = {"type": "tool_call", "id": "1", "name": name, "args": arguments}
            message = await tools[name].ainvoke(asked)
            return message.status == "error", message.text

        await session(list(tools), call, example)


main(connect)
