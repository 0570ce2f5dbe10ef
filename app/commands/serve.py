"""`portfolio serve`: the MCP server and the service in front of a real gateway, on loopback, supervised as one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated
from urllib.parse import urlsplit

import httpx2
import typer

from app.commands import processes, signals
from app.commands.leftovers import end_leftovers
from app.commands.one_state import taken
from app.commands.output import StateOption, settings_of, tell
from app.commands.processes import DEFAULT_PORTS, LOOPBACK, mcp_server, private_directory, service
from app.settings import Settings, policy_path, read_policy


def register(cli: typer.Typer) -> None:
    """Add the command to `portfolio`."""
    cli.command("serve")(serve)


def serve(
    state: StateOption = None,
    port: Annotated[int | None, typer.Option("--port", help="Of the service; else the setting PORT.")] = None,
    mcp_port: Annotated[
        int | None, typer.Option("--mcp-port", help="Of the MCP server; else that of the setting MCP_URL.")
    ] = None,
) -> None:
    """MCP server and service in front of the gateway of IBKR_GATEWAY_URL, on loopback, until Ctrl-C.

    It makes their token and key in the state directory. Where one of the two ends by itself, both end, with status 1.
    """
    settings = settings_of(state)
    read_policy(settings.policy_file)
    port = settings.port if port is None else port
    mcp_port = (urlsplit(settings.mcp_url).port or DEFAULT_PORTS.mcp) if mcp_port is None else mcp_port
    with signals.until_stopped(), _both(settings, port, mcp_port) as url:
        typer.echo(f"service {url}   MCP http://{LOOPBACK}:{mcp_port}/mcp   gateway {settings.ibkr_gateway_url}")
        typer.echo(f"TRADING_MODE {settings.trading_mode}   logs {settings.state_dir / 'logs'}")
        typer.echo(_session(url, settings))
        typer.echo("READY")
        processes.wait()


@contextmanager
def _both(settings: Settings, port: int, mcp_port: int) -> Iterator[str]:
    """The service's address, once both answer; whether the gateway does is no matter of theirs."""
    state = private_directory(settings.state_dir)
    with ExitStack() as stack:
        stack.enter_context(taken(state, "serve", f"http://{LOOPBACK}:{port}"))
        end_leftovers(state, tell)
        shared = stack.enter_context(mcp_server(state, mcp_port, settings.ibkr_gateway_url, settings.trading_mode))
        variables = {**shared, "POLICY_FILE": str(policy_path(settings.policy_file).resolve())}
        yield stack.enter_context(service(state, port, variables))


def _session(url: str, settings: Settings) -> str:
    """What the broker's session waits for, if anything, in the service's own words."""
    token = settings.read_caller_token()
    headers = {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}
    try:
        with httpx2.Client(timeout=20, trust_env=False, headers=headers) as http:
            told = http.get(f"{url}/ready").json()
    except (httpx2.HTTPError, ValueError):
        return "the broker's session: not known yet; `portfolio doctor` looks"
    words = (told.get("message"), told.get("remedy")) if "broker_session" in told else (told.get("detail"),)
    said = ". ".join(str(word).rstrip(".") for word in words if word)
    return f"the broker's session: {told.get('broker_session', 'unknown')}" + (f" ({said})" if said else "")
