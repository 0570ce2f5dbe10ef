"""How long a fresh interpreter takes to import the service, and a fresh process to answer."""

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

from app.commands.processes import free_ports, service
from app.settings import child_environment
from tests.benchmarks.world import NEUTRAL, MeasurementFailed

# One of ours and the heaviest of theirs; the installer compiles a package as a whole.
COMPILED = ("app.fast_api_app", "google.adk.runners", "fastapi.routing", "sqlalchemy.engine.base", "mcp.client.session")
TIMED_IMPORT = "import time; start = time.perf_counter(); import app.main; print(time.perf_counter() - start)"


def import_seconds(state: Path) -> float:
    """Seconds that `import app.main` takes, without the interpreter's own start."""
    variables = _variables(state)
    done = subprocess.run(
        [sys.executable, "-c", TIMED_IMPORT],
        env=child_environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise MeasurementFailed(f"app.main cannot be imported: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout)


def health_seconds(state: Path) -> float:
    """Seconds from starting the process to the first 200 on /health; asked every thirty milliseconds.

    A state directory without a ledger makes the process create one first.
    """
    started = perf_counter()
    with service(state, free_ports().service, _variables(state)):
        return perf_counter() - started


def bytecode_missing() -> tuple[str, ...]:
    """Modules of `COMPILED` that a fresh process would have to compile."""
    return tuple(name for name in COMPILED if not _is_compiled(name))


def _is_compiled(name: str) -> bool:
    found = importlib.util.find_spec(name)
    return found is not None and found.cached is not None and Path(found.cached).is_file()


def _variables(state: Path) -> Mapping[str, str]:
    return {**NEUTRAL, "STATE_DIR": str(state), "MCP_TOKEN": "unused", "MCP_TOKEN_FILE": ""}
