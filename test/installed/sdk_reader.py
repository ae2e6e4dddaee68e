"""Reads by the Python SDK: its session, which versions 1 and 2 have, and the client of version 2."""

from mcp import ClientSession
from mcp.types import PaginatedRequestParams, PromptReference, ResourceTemplateReference


def member(value: object, camel: str, snake: str) -> object:
    """A member of an answer, which version 2 names otherwise than version 1."""
    return getattr(value, snake) if hasattr(value, snake) else getattr(value, camel)


def reference(kind: str, name: str) -> ResourceTemplateReference | PromptReference:
    if kind == "resource":
        return ResourceTemplateReference(type="ref/resource", uri=name)
    return PromptReference(type="ref/prompt", name=name)


class SdkReader:
    def __init__(self, client: ClientSession) -> None:
        self.client = client

    def page(self, cursor: str | None) -> dict:
        """How the page that begins at the cursor is asked for."""
        return {"params": PaginatedRequestParams(cursor=cursor)}

    async def resources(self, cursor: str | None) -> tuple[list[str], str | None]:
        listed = await self.client.list_resources(**self.page(cursor))
        return [str(resource.uri) for resource in listed.resources], member(listed, "nextCursor", "next_cursor")

    async def templates(self) -> list[str]:
        listed = await self.client.list_resource_templates()
        templates = member(listed, "resourceTemplates", "resource_templates")
        return [member(template, "uriTemplate", "uri_template") for template in templates]

    async def read(self, uri: str) -> str:
        (content,) = (await self.client.read_resource(uri)).contents
        return content.text

    async def complete(
        self, kind: str, name: str, argument: tuple[str, str], known: dict[str, str] | None = None
    ) -> list[str]:
        asked = {"name": argument[0], "value": argument[1]}
        return (await self.client.complete(reference(kind, name), asked, known)).completion.values

    async def prompts(self) -> dict[str, list[str]]:
        listed = (await self.client.list_prompts()).prompts
        return {prompt.name: [argument.name for argument in prompt.arguments or []] for prompt in listed}

    async def prompt(self, name: str, arguments: dict[str, str]) -> str:
        (message,) = (await self.client.get_prompt(name, arguments)).messages
        return message.content.text

    async def subscribe(self, uri: str) -> None:
        await self.client.subscribe_resource(uri)

    async def unsubscribe(self, uri: str) -> None:
        await self.client.unsubscribe_resource(uri)


class ClientReader(SdkReader):
    """By the client of version 2, which is called as its session but for pages."""

    def page(self, cursor: str | None) -> dict:
        return {"cursor": cursor}
