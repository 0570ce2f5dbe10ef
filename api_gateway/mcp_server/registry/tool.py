"""What one tool over one gateway endpoint is: data, from which the MCP tools, their document and their tests are made.

An entry says how it is asked and how its answer is checked; it never reads the environment and never holds a session.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeVar, cast

from mcp_types import ToolAnnotations
from pydantic import BaseModel, ConfigDict, model_validator

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.raw import RawCalls, Request, Verb
from api_gateway.clientportal.request_limits import Limit, limit_of
from api_gateway.mcp_server.admission import Admission
from api_gateway.mcp_server.order_gate import OrderGate
from api_gateway.mcp_server.registry.shapes import Check, unchanged
from api_gateway.mcp_server.strict import without_nulls

Kind = Literal["reference", "read", "session", "preview", "trade"]
Family = Literal["portfolio", "market data", "scanner", "contract", "events", "orders", "session", "account"]

_HINTS: Final[Mapping[Kind, ToolAnnotations]] = {
    kind: ToolAnnotations(
        read_only_hint=kind in ("reference", "read", "preview"),
        destructive_hint=kind == "trade",
        idempotent_hint=kind in ("reference", "read", "preview"),
        open_world_hint=kind != "reference",
    )
    for kind in ("reference", "read", "session", "preview", "trade")
}


class Arguments(BaseModel):
    """Arguments of one tool: fields are named as in Python, their aliases as upstream names the parameters.

    A serialization alias that differs is what the gateway wants instead of what is documented upstream.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _left_out(cls, value: object) -> object:
        """Hosts that must send every parameter send null for one that they leave out."""
        if not isinstance(value, dict):
            return value
        named = {field.alias or name for name, field in cls.model_fields.items() if field.is_required()}
        return without_nulls(value, frozenset(named))

    def accounts(self) -> tuple[str, ...]:
        """Every account that is named; each must be allowed before anything is asked."""
        one, many = getattr(self, "account", None), getattr(self, "account_list", ())
        return (one, *many) if isinstance(one, str) else tuple(many)

    def sent(self) -> dict[str, object]:
        """What the gateway is given, by its own names, without what was left out."""
        return self.model_dump(by_alias=True, exclude_none=True)


Given = TypeVar("Given", bound=Arguments)


class Refused(Exception):
    """No by a rule of this server or, with a `result`, by the broker. `remedy` is what to do instead."""

    def __init__(self, cause: str, remedy: str, result: object = None) -> None:
        super().__init__(cause)
        self.remedy = remedy
        self.result = result


@dataclass(frozen=True)
class Mapped:
    """The gateway has no such endpoint any more; this one answers instead."""

    verb: Verb
    path: str
    why: str


@dataclass(frozen=True)
class Local:
    """Answered from a table of this server, without the gateway."""

    why: str


@dataclass(frozen=True)
class Unsupported:
    """Neither the gateway nor anything else answers; always an error with the remedy."""

    why: str
    remedy: str


@dataclass(frozen=True)
class Surroundings:
    """What a call can reach. `gate` is None where no order can be sent.

    `may_compete` is whether another session of the same user may be ended.
    """

    portal: ClientPortal
    admission: Admission
    gate: OrderGate | None = None
    may_compete: bool = False

    @property
    def raw(self) -> RawCalls:
        return self.portal.raw


@dataclass(frozen=True)
class Call:
    """One call of one tool, its arguments checked and its accounts admitted."""

    tool: "GatewayTool"
    arguments: Arguments
    around: Surroundings

    def given(self, kind: type[Given]) -> Given:
        """The arguments as what they are. Raises: TypeError for another tool's."""
        if not isinstance(self.arguments, kind):
            raise TypeError(f"{self.tool.name} takes no {kind.__name__}")
        return self.arguments

    def request(self, **changes: object) -> Request:
        """The tool's own request; `changes` replace or, with None, take out what the arguments would send."""
        sent = {**self.arguments.sent(), **changes}
        verb, path = self.tool.route
        for name in self.tool.placeholders:
            path = path.replace(f"{{{name}}}", str(sent.pop(name)))
        given = {name: value for name, value in sent.items() if value is not None}
        if verb == "GET":
            return Request(verb, path, {name: _text(value) for name, value in given.items()})
        return Request(verb, path, body=_body(given))


Ask = Callable[[Call], Awaitable[object]]
Visible = Callable[[object, "Sight"], object]


@dataclass(frozen=True)
class Sight:
    """Whose data a caller may see: those of `allowed`, out of all accounts of the login."""

    allowed: frozenset[str]
    login: frozenset[str]

    @property
    def hidden(self) -> frozenset[str]:
        return self.login - self.allowed


async def plain(call: Call) -> object:
    """One read, as the arguments say."""
    return await call.around.raw.read(call.request())


def everything(data: object, _: Sight) -> object:
    return data


@dataclass(frozen=True)
class GatewayTool:
    """`verb` and `path` are what the name stands for upstream, with the defects of its verb and path mended."""

    name: str
    family: Family
    kind: Kind
    verb: Verb
    path: str
    doc: str
    arguments: type[Arguments] = Arguments
    ask: Ask = plain
    parse: Check = unchanged
    visible: Visible = everything
    served: Mapped | Local | Unsupported | None = None

    @property
    def annotations(self) -> ToolAnnotations:
        return _HINTS[self.kind]

    @property
    def route(self) -> tuple[Verb, str]:
        """The endpoint that is really asked."""
        return (self.served.verb, self.served.path) if isinstance(self.served, Mapped) else (self.verb, self.path)

    @property
    def limit(self) -> Limit:
        """The broker's limit of the endpoint that is asked, which the client keeps by verb and path."""
        return limit_of(*self.route)

    @property
    def is_served(self) -> bool:
        """Whether the gateway answers it."""
        return not isinstance(self.served, Local | Unsupported)

    @property
    def placeholders(self) -> tuple[str, ...]:
        return tuple(part[1:-1] for part in self.route[1].split("/") if part.startswith("{"))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(str(each) for each in value) if isinstance(value, list | tuple) else str(value)


def _body(value: object) -> object:
    """JSON has no decimals; sixteen digits survive the way through a float and back."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _body(each) for name, each in cast(dict[str, object], value).items() if each is not None}
    if isinstance(value, list | tuple):
        return [_body(each) for each in value]
    return value
