"""The Python SDK's client session, which version 1 and 2 both have: tools, then all else that a client can ask."""

import asyncio
import json
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import PromptReference, ResourceTemplateReference
from session import main, session

card = "modelyard://models/nba/versions/1"


def member(value: object, camel: str, snake: str) -> object:
    """A member of an answer, which version 2 names otherwise than version 1."""
    return getattr(value, snake) if hasattr(value, snake) else getattr(value, camel)


async def connect(command: str, environment: dict[str, str], example: Path) -> None:
    server = StdioServerParameters(command=command, args=[], env=environment)
    updated = asyncio.Event()

    async def heard(message: object) -> None:
        if "ResourceUpdated" in repr(message) and card in repr(message):
            updated.set()

    async with stdio_client(server) as (read, write), ClientSession(
        read, write, message_handler=heard
    ) as client:
        await client.initialize()

        async def call(name: str, arguments: dict) -> tuple[bool, str]:
            result = await client.call_tool(name, arguments)
            return bool(member(result, "isError", "is_error")), result.content[0].text

        listed = await client.list_tools()
        await session([tool.name for tool in listed.tools], call, example)
        await resources(client)
        await client.subscribe_resource(card)
        failed, text = await call("update_model", {"model_id": "nba", "description": "Home wins."})
        assert not failed, text
        await updated.wait()
        await prompts(client)


async def resources(client: ClientSession) -> None:
    uris = [str(resource.uri) for resource in (await client.list_resources()).resources]
    assert "modelyard://models/nba" in uris, uris
    templates = member(await client.list_resource_templates(), "resourceTemplates", "resource_templates")
    forms = [member(template, "uriTemplate", "uri_template") for template in templates]
    form = "modelyard://models/{model_id}/versions/{version}"
    assert form in forms, forms
    for uri in [*uris, card]:
        (content,) = (await client.read_resource(uri)).contents
        assert json.loads(content.text), uri
    completed = await client.complete(
        ResourceTemplateReference(type="ref/resource", uri=form),
        {"name": "version", "value": ""},
        {"model_id": "nba"},
    )
    assert completed.completion.values == ["1"], completed


async def prompts(client: ClientSession) -> None:
    names = [prompt.name for prompt in (await client.list_prompts()).prompts]
    assert "first_tour" in names and "roll_out_safely" in names, names
    given = {"model_id": "nba", "version": "1"}
    (message,) = (await client.get_prompt("roll_out_safely", given)).messages
    assert "`start_rollout`" in message.content.text, message
    completed = await client.complete(
        PromptReference(type="ref/prompt", name="roll_out_safely"), {"name": "model_id", "value": "n"}
    )
    assert completed.completion.values == ["nba"], completed


main(connect)
