"""Has the MCP inspector list and call every gateway tool of a real server over HTTP: `make inspect`.

Needs Node.js with npx and, the first time, the network; it is no part of the tests. Exit status 1 where the inspector
could not list, call or validate something.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from api_gateway.mcp_server.registry import TOOLS
from tests.integration.registry_calls import valid
from tests.support.stack import ACCOUNT, running

# The newest that runs on Node.js 20, though npm warns there; later ones want 22 and end with an error.
INSPECTOR: Final = ("npx", "--yes", "@modelcontextprotocol/inspector@0.17.2", "--cli")
LAST: Final = "logout_logout_post"
ORDER_ID: Final = "1370000001"
Answer = dict[str, Any]


def reach(url: str, token: str) -> list[str]:
    """How the inspector is told where the server is, and who asks."""
    return [url, "--transport", "http", "--header", f"Authorization: Bearer {token}"]


@dataclass(frozen=True)
class Inspector:
    command: Sequence[str]
    url: str
    token: str

    def run(self, *words: str) -> Answer:
        """Raises: ValueError with what the inspector wrote where it gave no result."""
        command = [*self.command, *reach(self.url, self.token), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise ValueError((done.stderr or done.stdout).strip()[-300:]) from None
        if not isinstance(answer, dict):
            raise ValueError(f"not an object: {done.stdout[:100]}")
        return answer

    def call(self, name: str, arguments: Answer) -> str:
        """What became of one call, in a word."""
        given = [f"{key}={json.dumps(value)}" for key, value in arguments.items()]
        answer = self.run("--method", "tools/call", "--tool-name", name, *(("--tool-arg", *given) if given else ()))
        content = answer.get("structuredContent", {})
        if answer.get("isError"):
            return f"error {content['error']['kind']}: {content['error']['cause']}"
        return f"data from {content['source']}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.inspection", description=__doc__.splitlines()[0])
    parser.add_argument("--inspector", nargs="+", default=INSPECTOR, help="command of the inspector")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory, running(Path(directory), "paper") as stack:
        token = Path(stack.variables["MCP_TOKEN_FILE"]).read_text(encoding="ascii").strip()
        return _inspect(Inspector(options.inspector, stack.variables["MCP_URL"], token))


def _inspect(inspector: Inspector) -> int:
    listed = {tool["name"] for tool in inspector.run("--method", "tools/list")["tools"]}
    missing = sorted({tool.name for tool in TOOLS} - listed)
    sys.stdout.write(f"{len(listed)} tools listed, {len(missing)} missing {' '.join(missing)}\n")
    calls = valid(ACCOUNT, ORDER_ID)

    def outcome(name: str) -> tuple[str, str, bool]:
        try:
            return name, inspector.call(name, dict(calls[name])), True
        except ValueError as error:
            return name, f"failed: {error}", False

    failures = len(missing)
    with ThreadPoolExecutor(2) as pool:
        for name, told, worked in (*pool.map(outcome, [each for each in calls if each != LAST]), outcome(LAST)):
            failures += not worked
            sys.stdout.write(f"{name}: {told}\n")
    sys.stdout.write(f"{len(calls)} called, {failures} failed\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
