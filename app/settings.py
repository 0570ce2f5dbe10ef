"""The only reader of the environment, and of the policy file.

Every variable is in `.env.example`. Must never be imported below wiring: what a part needs is an argument.
"""

import ipaddress
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from app.allocation import REMEDY, missing
from app.domain.errors import PolicyError, SettingsError, UsageError
from app.domain.policy import Policy
from app.domain.policy.check import Finding, Level, check
from app.domain.policy.problems import problems
from app.domain.spelling import printable, shortened
from app.environment import EXAMPLE, MODEL_KEYS, Found, gather
from app.market.sectors import SECTORS
from app.plain_yaml import LARGEST, NotPlain, read_yaml
from app.text_files import text_of

_API = "/v1/api"
LARGEST_SECRET = 64_000


def shipped_policy() -> Path:
    """The moderate policy that comes with the project."""
    return Path(str(files("investment_policy"))) / "default_policy.yaml"


def shipped_policies() -> dict[str, Path]:
    """Every policy that comes with the project, by the name that options and settings take, the default one first."""
    default = shipped_policy()
    others = sorted(file for file in default.parent.glob("*_policy.yaml") if file != default)
    return {"moderate": default} | {file.stem.removesuffix("_policy"): file for file in others}


def policy_path(named: Path) -> Path:
    """The file of that name, or where there is none the shipped policy of that name."""
    return named if named.exists() else shipped_policies().get(str(named), named)


class Settings(BaseModel):
    """Where the real parts are and how far a run may go; everything has a default that works offline.

    A secret is given as itself or as a file that holds it; the file wins.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    project_id: str | None = None
    region: str = "us-central1"
    ibkr_gateway_url: str = "https://localhost:5000/v1/api"
    ibkr_account_id: str | None = None
    model_name: str = "offline/rules"
    trading_mode: Literal["off", "paper", "live"] = "off"
    policy_file: Path = Field(default_factory=shipped_policy)
    state_dir: Path = Path(".portfolio")
    database_url: SecretStr | None = None
    run_lease_seconds: int = Field(default=120, ge=90)
    catch_up: bool = True
    login_reminder_minutes: int = Field(default=60, ge=0, le=720)
    # The MCP server's own setting, where it shares this environment: what it lets through it says itself.
    max_order_value: Decimal = Field(default=Decimal(50_000), gt=0, allow_inf_nan=False)
    mcp_url: str = "http://127.0.0.1:5002/mcp"
    mcp_token: SecretStr | None = None
    mcp_token_file: Path | None = None
    ticket_key: SecretStr | None = None
    ticket_key_file: Path | None = None
    pseudonym_key: SecretStr | None = None
    pseudonym_key_file: Path | None = None
    anchor_to: SecretStr | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8085, ge=1, le=65535)
    caller_token: SecretStr | None = None
    caller_token_file: Path | None = None
    calls_per_minute: int = Field(default=600, ge=1)
    body_seconds: float = Field(default=10, gt=0, le=600, allow_inf_nan=False)
    # Of `.env`, by name: what the models' own clients read from the environment.
    model_keys: Mapping[str, SecretStr] = {}

    @field_validator("caller_token", "mcp_token")
    @classmethod
    def _is_a_token(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else _token(value.get_secret_value())

    @field_validator("ticket_key", "pseudonym_key", "database_url", "anchor_to")
    @classmethod
    def _says_something(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().strip():
            raise ValueError("it is blank; leave it out, or give it a value")
        return value

    @field_validator("ibkr_gateway_url")
    @classmethod
    def _with_api_path(cls, url: str) -> str:
        url = url.rstrip("/")
        return url if url.endswith(_API) else url + _API

    @model_validator(mode="after")
    def _outsiders_need_an_identity(self) -> Self:
        if not is_loopback(self.host) and self.caller_token is None and self.caller_token_file is None:
            raise ValueError(
                f"HOST {self.host} can be reached from outside; set CALLER_TOKEN or CALLER_TOKEN_FILE, "
                "or bind to 127.0.0.1"
            )
        return self

    @property
    def accounts(self) -> tuple[str, ...]:
        """Those of IBKR_ACCOUNT_ID, which may list several with commas."""
        return tuple(name for part in (self.ibkr_account_id or "").split(",") if (name := part.strip()))

    @property
    def default_account(self) -> str | None:
        """The first of them."""
        return next(iter(self.accounts), None)

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger, secret part included: never log it."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        # In an address these two begin something else.
        return "sqlite:///" + str(self.ledger_file).replace("%", "%25").replace("?", "%3F")

    @property
    def ledger_file(self) -> Path:
        """Where SQLite keeps the ledger when DATABASE_URL names no other."""
        return self.state_dir / "portfolio.db"

    def read_mcp_token(self) -> SecretStr | None:
        """The bearer token of the MCP server; UsageError where its file cannot be read."""
        return _as_token("MCP_TOKEN_FILE", _secret("MCP_TOKEN_FILE", self.mcp_token, self.mcp_token_file))

    def read_ticket_key(self) -> SecretStr | None:
        """The key that signs tickets; UsageError where its file cannot be read."""
        return _secret("TICKET_KEY_FILE", self.ticket_key, self.ticket_key_file)

    def read_pseudonym_key(self) -> SecretStr:
        """The key of the accounts' other names; without one, the state directory's own, made at its first use."""
        given = _secret("PSEUDONYM_KEY_FILE", self.pseudonym_key, self.pseudonym_key_file)
        if given is not None:
            return given
        return _of_file("PSEUDONYM_KEY_FILE", make_secret(self.state_dir / "pseudonym.key"))

    def read_caller_token(self) -> SecretStr | None:
        """The token that callers of the service must show; UsageError where its file cannot be read."""
        return _as_token("CALLER_TOKEN_FILE", _secret("CALLER_TOKEN_FILE", self.caller_token, self.caller_token_file))


def load_settings(**overrides: object) -> Settings:
    """What environment and `.env` set, with `overrides` by field name on top; SettingsError with one line a problem."""
    found = gather(os.environ, _names())
    if found.problems:
        raise SettingsError("\n".join(map(str, found.problems)), f"Correct it; {EXAMPLE}")
    try:
        return Settings.model_validate({**_fields(found), **overrides})
    except ValidationError as error:
        lines = (_setting_problem(dict(entry)) for entry in error.errors())
        raise SettingsError("\n".join(lines)) from None


def load_for_safety(**overrides: object) -> tuple[Settings, tuple[str, ...]]:
    """For what makes things safer: all that can be read, and what was left out, a line each.

    Raises: SettingsError where it would be unclear which ledger is meant.
    """
    found = gather(os.environ, _names())
    values, told = {**_fields(found), **overrides}, [str(problem) for problem in found.problems]
    for problem in found.problems:
        name = problem.name or ""
        if name.lower() in _LEDGER - overrides.keys() and not (os.environ.get(name) or os.environ.get("DATABASE_URL")):
            raise SettingsError(str(problem), "It says which ledger is meant: correct it, or set it in the environment")
    while True:
        try:
            settings = Settings.model_validate(values)
            settings.read_caller_token()
        except ValidationError as error:
            wrong = {str(entry["loc"][0]) if entry["loc"] else "host" for entry in error.errors()}
            told += [_setting_problem(dict(entry)) for entry in error.errors()]
        except UsageError as error:
            wrong = {"caller_token_file"}
            told.append(error.cause)
        else:
            return settings, tuple(told)
        if wrong & _LEDGER or not wrong & values.keys():
            raise SettingsError(told[-1])
        values = {name: value for name, value in values.items() if name not in wrong}


def strange_names() -> tuple[str, ...]:
    """What `.env` sets that nothing here reads."""
    return gather(os.environ, _names()).strangers


# These two say which ledger is meant.
_LEDGER = frozenset({"database_url", "state_dir"})


def _names() -> frozenset[str]:
    return frozenset(name.upper() for name in Settings.model_fields if name != "model_keys")


def _fields(found: Found) -> dict[str, object]:
    fields: dict[str, object] = {
        name.lower(): value for name, value in found.values.items() if name.lower() in Settings.model_fields
    }
    fields["model_keys"] = {name: SecretStr(found.values[name]) for name in MODEL_KEYS if name in found.values}
    return fields


def _setting_problem(entry: dict[str, Any]) -> str:
    # The input is not repeated: it may be a secret.
    message = str(entry["ctx"]["error"]) if entry["type"] == "value_error" else str(entry["msg"])
    return f"{str(entry['loc'][0]).upper()}: {message[0].lower()}{message[1:]}" if entry["loc"] else message


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a service bound to `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _token(text: str) -> SecretStr:
    """As a header carries it. Raises: ValueError."""
    token = text.strip()
    if not token:
        raise ValueError("it is blank; leave it out, or give it a value")
    if not token.isascii() or not token.isprintable():
        raise ValueError("it must be printable ASCII; a header carries nothing else")
    return SecretStr(token)


def _as_token(variable: str, secret: SecretStr | None) -> SecretStr | None:
    try:
        return None if secret is None else _token(secret.get_secret_value())
    except ValueError as error:
        raise UsageError(f"{variable}: {error}", "Write another token into it.") from None


def _secret(variable: str, value: SecretStr | None, file: Path | None) -> SecretStr | None:
    return value if file is None else _of_file(variable, file)


def _of_file(variable: str, file: Path) -> SecretStr:
    try:
        text = text_of(file, LARGEST_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{variable}: cannot read {file}", "Name a readable text file that holds the secret."
        ) from error
    if not text:
        raise UsageError(f"{variable}: {file} is empty", "Write the secret into it.")
    return SecretStr(text)


def make_secret(path: Path) -> Path:
    """The file, its owner's alone, with a new random secret where there is none yet; UsageError where it cannot be."""
    if path.exists():
        return path
    mine = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
        # Never an empty file under the name, and of two processes that begin at once the first one's.
        with suppress(FileExistsError):
            os.link(mine, path)
    except OSError as error:
        raise UsageError(f"the secret {path} cannot be made: {error.strerror}", "Choose another with --state") from None
    finally:
        with suppress(OSError):
            mine.unlink()
    return path


def load_policy(path: Path) -> Policy:
    """The policy of that file; PolicyError with one line a problem, contradictions between fields among them."""
    return read_policy(path)[0]


def read_policy(path: Path) -> tuple[Policy, tuple[Finding, ...]]:
    """The policy with its warnings; PolicyError as `load_policy`."""
    return policy_of(policy_values(path), str(path))


def policy_of(values: Mapping[str, Any], named: str) -> tuple[Policy, tuple[Finding, ...]]:
    """The policy that a file's values make, with its warnings; PolicyError with `named` before each problem."""
    try:
        policy = Policy.model_validate(values)
    except ValidationError as error:
        raise _policy_error(named, problems(error)) from None
    findings = (*_not_installed(policy), *check(policy, SECTORS))
    if any(finding.severity is Level.ERROR for finding in findings):
        # Warnings too: a fraction written for a percentage is what many contradictions come from.
        raise _policy_error(named, tuple(map(str, findings)))
    return policy, findings


def _not_installed(policy: Policy) -> tuple[Finding, ...]:
    """Told before anything is ordered by such a policy."""
    needed = missing(policy)
    if not needed:
        return ()
    told = f"{policy.allocation.weighting} needs {', '.join(needed)}; {REMEDY}; or weighting: inverse_volatility works"
    return (Finding(Level.ERROR, "allocation.weighting", told),)


def plain_value(text: str) -> object:
    """What that text says where a policy file has it. Raises: PolicyError."""
    try:
        return read_yaml(text)
    except NotPlain:
        raise PolicyError(f"{shortened(text)} is no value of a policy", "Write it as the policy file does") from None


def _policy_error(named: str, lines: tuple[str, ...]) -> PolicyError:
    return PolicyError("\n".join(f"{named}: {line}" for line in lines))


def policy_values(path: Path) -> dict[str, Any]:
    """What a policy file says, as it says it: plain values by section; PolicyError where it cannot be read."""
    path = policy_path(path)
    named = printable(str(path))
    try:
        values = read_yaml(text_of(path, LARGEST))
    except FileNotFoundError:
        shipped = ", ".join(shipped_policies())
        raise PolicyError(
            f"{named}: no such policy file",
            f"Set POLICY_FILE or --policy to one that exists, or to a shipped one: {shipped}.",
        ) from None
    except UsageError as error:
        raise PolicyError(f"{named}: {error.cause}", "A policy is a few hundred lines of YAML.") from None
    except UnicodeDecodeError:
        raise PolicyError(f"{named}: not a text file", "A policy is written in YAML, UTF-8.") from None
    except OSError as error:
        raise PolicyError(f"{named}: cannot be read ({error.strerror})", "Name a readable policy file.") from None
    except NotPlain as error:
        raise PolicyError(f"{named}: {error}") from None
    if values is None:
        raise PolicyError(f"{named}: the file is empty", "Start from one of the shipped policies.")
    if not isinstance(values, dict):
        raise PolicyError(f"{named}: not a policy: its top level must be sections with fields")
    return values


def child_environment(**variables: str) -> dict[str, str]:
    """This process's environment for a process that it starts, with those variables set; an empty one is removed."""
    environment = {**os.environ, **variables}
    return {name: value for name, value in environment.items() if value}


def provide_model_keys(settings: Settings) -> None:
    """What `.env` has of models' keys, and PROJECT_ID and REGION under Google's names, where their clients read them.

    What the environment has already wins.
    """
    keys = {name: key.get_secret_value() for name, key in settings.model_keys.items()}
    if settings.project_id is not None:
        keys = {"GOOGLE_CLOUD_PROJECT": settings.project_id, "GOOGLE_CLOUD_LOCATION": settings.region} | keys
    for name, value in keys.items():
        os.environ[name] = os.environ.get(name) or value


def is_on(name: str) -> bool:
    """Whether the environment switches that on, as Google's client reads it."""
    return os.environ.get(name, "").lower() in ("true", "1")


def is_set(name: str) -> bool:
    """Whether the environment has that variable, for what others read from it; its value stays there."""
    return bool(os.environ.get(name))


def user_config() -> Path:
    """Where this user's programs keep what they are configured by."""
    given = Path(os.environ.get("XDG_CONFIG_HOME") or "")
    return given if given.is_absolute() else Path.home() / ".config"
