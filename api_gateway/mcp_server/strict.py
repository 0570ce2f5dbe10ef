"""Input schemas as the strictest hosts want them, and the calls that such hosts make.

Every object is closed and spelt out in its place: no references, no maps with free keys, no keyword that only some
hosts know. A host that must send every parameter sends null for one that is left out; so an optional one may be null,
and null counts as left out.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from mcp.server.mcpserver.context import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations

Schema = dict[str, Any]
Function = TypeVar("Function", bound=Callable[..., Any])


def strict(schema: Schema) -> Schema:
    """The schema of a tool's arguments, as pydantic writes it, in that form. Raises: RecursionError for a tree."""
    found = _closed(schema, schema.get("$defs", {}))
    return {name: said for name, said in found.items() if name != "description"}


def without_nulls(arguments: Mapping[str, object], required: frozenset[str]) -> dict[str, object]:
    return {name: value for name, value in arguments.items() if value is not None or name in required}


class Toolbox:
    """Collects typed tools for a server, as its own decorator would register them."""

    def __init__(self) -> None:
        self.tools: list[Tool] = []

    def tool(self, annotations: ToolAnnotations) -> Callable[[Function], Function]:
        def added(function: Function) -> Function:
            self.tools.append(StrictTool.from_function(function, annotations=annotations))
            return function

        return added


class StrictTool(Tool):
    """The SDK's tool with such a schema."""

    @classmethod
    def from_function(cls, fn: Callable[..., Any], *given: Any, **named: Any) -> Tool:  # noqa: ANN401 the SDK's words
        made = super().from_function(fn, *given, **named)
        return made.model_copy(update={"parameters": strict(made.parameters)})

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> object:
        required = frozenset(self.parameters.get("required", ()))
        return await super().run(without_nulls(arguments, required), context, convert_result)


def _closed(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    if "$ref" in node:
        named = definitions[node["$ref"].removeprefix("#/$defs/")]
        return _closed({**named, **{key: said for key, said in node.items() if key != "$ref"}}, definitions)
    found = {key: said for key, said in node.items() if key not in ("title", "$defs", "const", "prefixItems")}
    if "const" in node:
        found["enum"] = [node["const"]]
    if "prefixItems" in node:
        # Of one kind each, and as many as the bounds say.
        found["items"] = node["prefixItems"][0]
    if "items" in found:
        found["items"] = _closed(found["items"], definitions)
    if "anyOf" in found:
        found["anyOf"] = [_closed(each, definitions) for each in found["anyOf"]]
    return _object(found, definitions) if found.get("type") == "object" else found


def _object(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    required = node.get("required", ())
    properties = {
        name: _closed(said, definitions) if name in required else _optional(_closed(said, definitions))
        for name, said in node.get("properties", {}).items()
    }
    return {**node, "properties": properties, "additionalProperties": False}


def _optional(node: Schema) -> Schema:
    """Null is one more thing to say, and what leaving it out means is told in words: few hosts take a default."""
    default = node.get("default")
    found = _nullable({key: said for key, said in node.items() if key != "default"})
    if default and "description" in found:
        said = ", ".join(map(str, default)) if isinstance(default, list) else default
        found["description"] = f"{found['description']}; {said} where left out"
    return found


def _nullable(node: Schema) -> Schema:
    choices = [each for each in node.get("anyOf", ()) if each.get("type") != "null"]
    if len(choices) > 1:
        return {**node, "anyOf": [*choices, {"type": "null"}]}
    found = {**(choices[0] if choices else {}), **{key: said for key, said in node.items() if key != "anyOf"}}
    if "enum" in found:
        found["enum"] = [*found["enum"], None]
    return {**found, "type": [found["type"], "null"]} if isinstance(found.get("type"), str) else found
