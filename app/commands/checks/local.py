"""What can be looked at without asking anybody: policy, calendar, model, files, ports."""

import importlib.util
import os
import socket
from datetime import datetime, timedelta

import httpx2

from app.commands.checks.records import Check, failure, ok, skipped, warning
from app.commands.leftovers import holder, leftovers
from app.commands.processes import LOOPBACK, Ports
from app.components.choosers import OFFLINE
from app.domain.errors import PolicyError, PortfolioError
from app.domain.policy import Policy
from app.domain.spelling import printable, shortened
from app.market.calendar import NEW_YORK, ExchangeCalendar
from app.settings import Settings, is_on, is_set, read_policy, strange_names

REGULAR_HOURS = timedelta(hours=6, minutes=30)
DAYS_AHEAD = 366
# Provider in front of a model's name → what its client reads from the environment.
KEYS = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "groq": "GROQ_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "xai": "XAI_API_KEY",
    "gemini": "GEMINI_API_KEY",
}
KEYLESS = frozenset({"ollama", "ollama_chat"})


def policy(settings: Settings) -> tuple[Check, Policy | None]:
    """Valid, and with which warnings."""
    try:
        found, findings = read_policy(settings.policy_file)
    except PolicyError as error:
        remedy = error.remedy or f"`portfolio policy check {settings.policy_file}` lists every mistake."
        return failure("policy", error.cause.replace("\n", "; "), remedy), None
    if findings:
        lines = "; ".join(str(finding) for finding in findings)
        return warning("policy", f"{found.name} is valid: {lines}", "Weigh what the warnings say."), found
    return ok("policy", f"{found.name} version {found.version} is valid"), found


def settings_file() -> Check:
    """What `.env` sets that nothing here reads; what is nearly a setting was refused before."""
    strangers = [printable(shortened(name)) for name in strange_names()]
    if not strangers:
        return ok("settings", "nothing is set that is not read")
    return ok("settings", f".env has names that nothing here reads: {', '.join(strangers)}")


def notifications(settings: Settings, found: Policy | None) -> Check:
    """Whether anybody would be told."""
    if found is None:
        return skipped(("notifications",), "not looked at because of policy")[0]
    addresses, occasions = len(found.notifications.urls), len(found.notifications.on)
    if addresses == 0 and settings.trading_mode != "off":
        remedy = "Add an address to notifications.urls of the policy."
        return warning("notifications", "orders may be sent and nobody is told what went wrong", remedy)
    return ok("notifications", f"{addresses} addresses, {occasions} occasions")


def calendar(now: datetime) -> Check:
    """Today, the next session, and whether the year ahead is known."""
    exchange = ExchangeCalendar()
    try:
        today = exchange.local_date(now)
        exchange.session_on(today + timedelta(days=DAYS_AHEAD))
        session = exchange.session_on(today)
        upcoming = exchange.session_on(exchange.next_session(today))
    except PortfolioError as error:
        return failure("calendar", error.cause, "Install a newer release.")
    told = "the exchange is closed today" if session is None else "today is a session"
    if session is not None and session.closes - session.opens < REGULAR_HOURS:
        told = f"today is a half day, until {session.closes.astimezone(NEW_YORK):%H:%M} New York"
    next_day = f"next session {upcoming.date}" if upcoming else "no next session"
    if upcoming is not None and upcoming.closes - upcoming.opens < REGULAR_HOURS:
        next_day += " (half day)"
    return ok("calendar", f"{told}; {next_day}; the year ahead is known")


def model(settings: Settings) -> Check:
    """Whether the model's client and its key are there; the key itself is never read."""
    name = settings.model_name
    provider, slash, _ = name.partition("/")
    if name == OFFLINE:
        return ok("model", f"{OFFLINE}: the rules choose, and no key is needed")
    if not slash:
        return _google(name)
    if importlib.util.find_spec("litellm") is None:
        return failure("model", f"{name} needs the litellm package", "Install litellm, or choose another MODEL_NAME.")
    if provider in KEYLESS:
        return ok("model", f"{name} needs no key")
    key = KEYS.get(provider)
    if key is None:
        remedy = "`portfolio doctor --model` asks it something."
        return warning("model", f"which key {name} needs is not known here", remedy)
    return ok("model", f"{name}: {key} is set") if is_set(key) else _no_key(name, key)


def _google(name: str) -> Check:
    if not name.startswith("gemini"):
        finding = f"{name} is neither {OFFLINE}, nor gemini-…, nor provider/model"
        return failure("model", finding, "Correct MODEL_NAME.")
    if is_on("GOOGLE_GENAI_USE_VERTEXAI"):
        if is_set("GOOGLE_CLOUD_PROJECT"):
            return ok("model", f"{name} through Vertex AI with the machine's own credentials")
        return _no_key(name, "GOOGLE_CLOUD_PROJECT")
    key = next((key for key in ("GOOGLE_API_KEY", "GEMINI_API_KEY") if is_set(key)), None)
    return ok("model", f"{name}: {key} is set") if key else _no_key(name, "GOOGLE_API_KEY")


def _no_key(name: str, key: str) -> Check:
    return failure("model", f"{name} needs {key}, which is not set", f"Set {key}, or MODEL_NAME={OFFLINE}.")


def state_directory(settings: Settings) -> Check:
    """It holds secrets and the record, so it is its owner's alone."""
    path = settings.state_dir
    if not path.exists():
        return ok("state_directory", f"{path} is made at the first start")
    if not path.is_dir():
        return failure("state_directory", f"{path} is not a directory", "Name another in STATE_DIR or with --state.")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return failure("state_directory", f"{path} cannot be written to", f"Make it yours: chown, chmod 700 {path}")
    if path.stat().st_mode & 0o077:
        return warning("state_directory", f"others may look into {path}", f"chmod 700 {path}")
    return ok("state_directory", f"{path} is its owner's alone")


def secrets(settings: Settings) -> Check:
    """The files that hold the token and the ticket key."""
    kept = [settings.state_dir / name for name in ("mcp.token", "ticket.key", "pseudonym.key")]
    files = (settings.mcp_token_file, settings.ticket_key_file, settings.pseudonym_key_file)
    named = [path for path in files if path is not None]
    missing = [path for path in named if not path.is_file()]
    if missing:
        return failure(
            "secrets", f"{missing[0]} is not a file", "Correct MCP_TOKEN_FILE, TICKET_KEY_FILE or PSEUDONYM_KEY_FILE."
        )
    open_ones = [path for path in (*kept, *named) if path.is_file() and path.stat().st_mode & 0o077]
    if open_ones:
        names = " ".join(map(str, open_ones))
        return warning("secrets", f"others may read {names}", f"chmod 600 {names}")
    if not named and not any(path.is_file() for path in kept):
        return ok("secrets", "none yet; `portfolio up` and `portfolio run` make their own")
    return ok("secrets", "token and ticket key are their owner's alone")


async def ports(wanted: Ports) -> Check:
    """What `portfolio up` would listen on."""
    told, strangers = [], []
    async with httpx2.AsyncClient(timeout=1.0, trust_env=False) as http:
        for name, port, path in (
            ("service", wanted.service, "/health"),
            ("MCP server", wanted.mcp, "/health"),
            ("simulator", wanted.gateway, "/simulator/state"),
        ):
            if _is_free(port):
                told.append(f"{port} free")
            elif await _is_ours(http, port, path):
                told.append(f"{port} our {name}")
            else:
                by = holder(port)
                strangers.append(f"{port} for the {name}" + (f" ({by[0]})" if by else ""))
    if strangers:
        remedy = "Give `portfolio up` others: --port, --mcp-port, --gateway-port."
        return warning("ports", f"something else listens on {', '.join(strangers)}", remedy)
    return ok("ports", ", ".join(told))


def left_over() -> Check:
    """What commands started that have ended; `portfolio up` and `portfolio run` end what their own directory's left."""
    found = leftovers()
    if not found:
        return ok("leftovers", "no process of a command that has ended")
    ids = " ".join(str(each.process.pid) for each in found)
    return warning("leftovers", f"still running: {', '.join(map(str, found))}", f"End what nobody needs: kill {ids}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


async def _is_ours(http: httpx2.AsyncClient, port: int, path: str) -> bool:
    try:
        answer = await http.get(f"http://{LOOPBACK}:{port}{path}")
        return answer.status_code == 200 and isinstance(answer.json(), dict)
    except (httpx2.HTTPError, ValueError):
        return False


async def service(settings: Settings, url: str | None) -> Check:
    """The service at `url`, and whether it could work: what else a run needs, others look at."""
    if url is None:
        return skipped(("service",), "no --url was given")[0]
    caller_token = settings.read_caller_token()
    token = caller_token.get_secret_value() if caller_token else None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=5.0, trust_env=False) as http:
            answer = await http.get("/ready")
            body = answer.json()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        cause = str(error) or type(error).__name__
        return failure(
            "service",
            f"no answer from {url}: {cause}",
            "Start it (`portfolio serve`, or `portfolio up` on the simulator), or correct --url.",
        )
    if answer.status_code in (401, 403):
        return failure("service", "the service refuses this caller", "Set CALLER_TOKEN to the service's.")
    if answer.status_code != 200:
        told = body.get("message") or body.get("detail") or f"status {answer.status_code}"
        return failure("service", f"it answers and is not ready: {told}", body.get("remedy"))
    return ok("service", f"{url} answers; it can write its ledger, and the broker's session is usable")
