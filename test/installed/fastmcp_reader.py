"""Reads by fastmcp's client."""

from fastmcp import Client
from sdk_reader import reference


class FastmcpReader:
    def __init__(self, client: Client) -> None:
        self.client = client

    async def resources(self, cursor: str | None) -> tuple[list[str], str | None]:
        listed = await self.client.list_resources_mcp(cursor=cursor)
        return [str(resource.uri) for resource in listed.resources], listed.next_cursor

    async def templates(self) -> list[str]:
        return [template.uri_template for template in await self.client.list_resource_templates()]

    async def read(self, uri: str) -> str:
        (content,) = await self.client.read_resource(uri)
        return content.text

    async def complete(
        self, kind: str, name: str, argument: tuple[str, str], known: dict[str, str] | None = None
    ) -> list[str]:
        asked = {"name": argument[0], "value": argument[1]}
        return (await self.client.complete(reference(kind, name), asked, known)).values

    async def prompts(self) -> dict[str, list[str]]:
        listed = await self.client.list_prompts()
        return {prompt.name: [argument.name for argument in prompt.arguments or []] for prompt in listed}

    async def prompt(self, name: str, arguments: dict[str, str]) -> str:
        (message,) = (await self.client.get_prompt(name, arguments)).messages
        return message.content.text

    # The client has no subscriptions of its own; the SDK's session under it has.

    async def subscribe(self, uri: str) -> None:
        await self.client.session.subscribe_resource(uri)

    async def unsubscribe(self, uri: str) -> None:
        await self.client.session.unsubscribe_resource(uri)
