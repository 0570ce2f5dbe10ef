"""Another agent framework on the same MCP server: a Pydantic AI agent reads an account and tells what is in it.

With `portfolio up` running, from the project's root:

    python -m docs.examples.pydantic_ai_client --token-file .portfolio/mcp.token

It gets the server's reading tools and no other. Without `--model` a scripted model asks, so that it runs without a key;
with one (`--model openai:…`, `google:…`), what the framework's own extra for that provider needs must be installed.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_ai import Agent, RunContext
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart, ToolReturnPart
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.tools import ToolDefinition

QUESTION = "What does the account hold? Ask session_status for its id, then portfolio."


class Summary(BaseModel):
    """What the agent must answer; amounts are decimal text, as the server writes them."""

    account: str
    currency: str
    net_liquidation: str
    positions: int
    largest: str


def is_reading(_: RunContext[None], tool: ToolDefinition) -> bool:
    """Whether the server says that the tool has no effect. A hint: what protects the account is the server's gate."""
    annotations = (tool.metadata or {}).get("annotations") or {}
    return annotations.get("readOnlyHint") is True


def toolset(url: str, token: str) -> MCPToolset[None]:
    """The server's tools; a tool that fails ends the run instead of being tried again."""
    return MCPToolset(url, headers={"Authorization": f"Bearer {token}"}, tool_error_behavior="error")


async def reading_tools(url: str, token: str) -> list[str]:
    """Names of the tools that the agent gets."""
    async with toolset(url, token) as server:
        found = await server.list_tools()
    return [tool.name for tool in found if tool.annotations is not None and tool.annotations.read_only_hint]


async def summarise(url: str, token: str, model: Model | str) -> Summary:
    """One question to the model, with the reading tools at hand."""
    agent = Agent(model, output_type=Summary, toolsets=[toolset(url, token).filtered(is_reading)])
    return (await agent.run(QUESTION)).output


def offline_model() -> FunctionModel:
    """Asks what a model would be expected to ask, one thing after the other."""

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        known = _returned(messages)
        if "session_status" not in known:
            return _call("session_status", {})
        if "portfolio" not in known:
            return _call("portfolio", {"account": known["session_status"]["accounts"][0]})
        held = known["portfolio"]
        largest = max(held["positions"], key=lambda position: float(position["market_value"]), default=None)
        (final,) = info.output_tools
        return _call(
            final.name,
            {
                "account": held["account"],
                "currency": held["currency"],
                "net_liquidation": held["net_liquidation"],
                "positions": len(held["positions"]),
                "largest": largest["symbol"] if largest else "nothing",
            },
        )

    return FunctionModel(answer)


def _call(tool: str, arguments: dict[str, Any]) -> ModelResponse:
    return ModelResponse(parts=[ToolCallPart(tool, arguments)])


def _returned(messages: Sequence[ModelMessage]) -> dict[str, Any]:
    """What each tool has answered so far."""
    parts = (part for message in messages for part in message.parts)
    return {part.tool_name: part.content for part in parts if isinstance(part, ToolReturnPart)}


async def tell(url: str, token: str, model: Model | str) -> str:
    """The tools and the answer, for a person."""
    tools = await reading_tools(url, token)
    summary = await summarise(url, token, model)
    return (
        f"{len(tools)} reading tools, among them {', '.join(tools[:4])}\n"
        f"{summary.positions} positions, the largest {summary.largest}; "
        f"net liquidation {summary.net_liquidation} {summary.currency}\n"
    )


def main() -> int:
    """Exit status 0, or an exception of the framework that says what went wrong."""
    parser = argparse.ArgumentParser(description="An agent of another framework reads the account.")
    parser.add_argument("--url", default="http://127.0.0.1:5002/mcp")
    parser.add_argument("--token-file", type=Path, required=True, help="where the server's token is")
    parser.add_argument("--model", help="a model by the framework's name for it; none asks no model")
    arguments = parser.parse_args()
    token = arguments.token_file.read_text(encoding="utf-8").strip()
    sys.stdout.write(asyncio.run(tell(arguments.url, token, arguments.model or offline_model())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
