"""Reads the gateway side's settings from the environment; no other module of this package does.

Never prints a value: a setting can be a secret.
"""

import os
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from api_gateway.clientportal.bridge import Compete
from api_gateway.clientportal.resets import DEFAULT_ZONE
from api_gateway.clientportal.tls import address_refusal, normal_fingerprint

TradingMode = Literal["off", "paper", "live"]
_Words = Annotated[tuple[str, ...], NoDecode]
# Nine letters in ten; NPM_TOKEN is no MCP_TOKEN.
_A_SLIP: Final = 0.9
DEFAULT_GATEWAY_URL: Final = "https://localhost:5000/v1/api"


class InvalidSettings(Exception):
    """One line naming the variable and what is wrong with it."""


class GatewaySettings(BaseSettings):
    """What it takes to reach the gateway; no secret is among it."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_file=".env", env_ignore_empty=True)

    ibkr_gateway_url: str = DEFAULT_GATEWAY_URL
    ibkr_ca_file: Path | None = None
    ibkr_cert_sha256: str | None = None
    ibkr_penalty_minutes: int = Field(default=15, ge=10, le=60)
    ibkr_histories_per_minute: int | None = Field(default=None, ge=1, le=600)
    ibkr_login_url: str | None = None
    ibkr_account_id: _Words = ()
    trading_mode: TradingMode = "off"

    @field_validator("ibkr_account_id", mode="before")
    @classmethod
    def _split_accounts(cls, value: object) -> object:
        return _words(value)

    @field_validator("ibkr_gateway_url", "ibkr_login_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        refusal = address_refusal(value) if value is not None else None
        if refusal is not None:
            raise ValueError(refusal)
        return value

    @field_validator("ibkr_cert_sha256")
    @classmethod
    def _is_fingerprint(cls, value: str | None) -> str | None:
        return normal_fingerprint(value) if value is not None else None

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        if self.ibkr_ca_file is not None and self.ibkr_cert_sha256 is not None:
            raise ValueError("IBKR_CA_FILE and IBKR_CERT_SHA256 are two proofs of one certificate: give one of them")
        return self

    @field_validator("ibkr_ca_file")
    @classmethod
    def _ca_file_exists(cls, value: Path | None) -> Path | None:
        return _existing(value)

    @property
    def login_url(self) -> str:
        """Where a person logs in: the gateway's own page, unless the browser reaches it under another address."""
        root = self.ibkr_gateway_url.rstrip("/").removesuffix("/v1/api")
        return self.ibkr_login_url or f"{root}/"


class Settings(GatewaySettings):
    needs_token: ClassVar[bool] = True

    mcp_token: SecretStr | None = None
    mcp_token_file: Path | None = None
    ticket_key: SecretStr | None = None
    ticket_key_file: Path | None = None
    max_order_value: Decimal = Field(default=Decimal(50_000), gt=0, allow_inf_nan=False)
    max_messages_per_day: int = Field(default=500, ge=1)
    mcp_allowed_hosts: _Words = ()
    mcp_tools: Literal["all", "desk"] = "all"
    mcp_state_file: Path | None = None
    ibkr_reset_zone: ZoneInfo = DEFAULT_ZONE
    ibkr_compete: Compete = "never"
    session_notify_urls: SecretStr | None = None
    session_notify_urls_file: Path | None = None

    @field_validator("mcp_allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        return _words(value)

    @field_validator("mcp_token_file", "ticket_key_file", "session_notify_urls_file")
    @classmethod
    def _secret_file_exists(cls, value: Path | None) -> Path | None:
        return _existing(value)

    @field_validator("ibkr_reset_zone", mode="before")
    @classmethod
    def _is_a_zone(cls, value: object) -> object:
        try:
            return ZoneInfo(value) if isinstance(value, str) else value
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("is not a time zone; one looks like Europe/Zurich") from None

    @model_validator(mode="after")
    def _secrets_are_there(self) -> "Settings":
        if self.needs_token and not self.token():
            raise ValueError("MCP_TOKEN or MCP_TOKEN_FILE must hold the token that callers present")
        if self.trading_mode != "off" and not self.signing_key():
            raise ValueError("TICKET_KEY or TICKET_KEY_FILE must hold the ticket key, because TRADING_MODE is not off")
        if self.trading_mode == "live" and not self.ibkr_account_id:
            raise ValueError("IBKR_ACCOUNT_ID must name the account, because TRADING_MODE is live")
        return self

    def token(self) -> str:
        return _secret(self.mcp_token, self.mcp_token_file)

    def signing_key(self) -> str:
        return _secret(self.ticket_key, self.ticket_key_file)

    def notify_urls(self) -> tuple[str, ...]:
        """Addresses that hold passwords and tokens: never log one."""
        return tuple(_secret(self.session_notify_urls, self.session_notify_urls_file).split())


class StdioSettings(Settings):
    """Of a server that one host starts for itself and speaks to over a pipe: nobody else can call it."""

    needs_token: ClassVar[bool] = False


_Kind = TypeVar("_Kind", bound=GatewaySettings)


def read_settings() -> Settings:
    """Raises: InvalidSettings with one line for the person who starts the server."""
    return _read(Settings)


def read_stdio_settings() -> StdioSettings:
    """Raises: InvalidSettings as `read_settings`."""
    return _read(StdioSettings)


def read_gateway_settings() -> GatewaySettings:
    """Raises: InvalidSettings as `read_settings`."""
    return _read(GatewaySettings)


def _read(settings: type[_Kind]) -> _Kind:
    _require_no_slip(settings)
    try:
        return settings()
    except UnicodeDecodeError:
        raise InvalidSettings(".env: it is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise InvalidSettings(f".env: it cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "".join(str(part) for part in first["loc"][:1]).upper()
        problem = first["msg"].removeprefix("Value error, ")
        raise InvalidSettings(f"{name}: {problem}" if name else problem) from None


def _require_no_slip(settings: type[_Kind]) -> None:
    """A limit that is misspelt would be the default's. Who has set the right name, too, means another by it."""
    unset = {name.upper() for name in settings.model_fields} - {name.upper() for name in os.environ}
    for name in os.environ:
        near = get_close_matches(name.upper(), unset, 1, _A_SLIP) if "_" in name else []
        if near and name.upper() not in {field.upper() for field in settings.model_fields}:
            raise InvalidSettings(f"{name} is not a setting; did you mean {near[0]}? Else set {near[0]}, too")


def _words(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _existing(value: Path | None) -> Path | None:
    if value is not None and not value.is_file():
        raise ValueError("is not a file")
    return value


def _secret(value: SecretStr | None, file: Path | None) -> str:
    """The file wins: whoever starts this server hands it files, and a stale value may stand in `.env`."""
    if file is not None:
        return file.read_text(encoding="utf-8").strip()
    return value.get_secret_value().strip() if value is not None else ""
