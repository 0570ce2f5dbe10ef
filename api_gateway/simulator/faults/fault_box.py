"""Misbehaviour on demand: rules that spoil the next matching answers of the gateway.

`*_before` loses the request, `*_after` the answer to a request that took effect; from outside both look the same, which
is the point. `drop` answers 504, `cut` closes the connection without a byte, `hang` says nothing until the client gives
up, `blank` is a status without a body, `html` a page where JSON belongs. What goes wrong with the orders themselves is
told in `order_faults`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter

from api_gateway.simulator.faults.broker_rules import BrokerChange
from api_gateway.simulator.faults.order_faults import (
    Ask,
    CancelAsk,
    CancelTooLate,
    FillScript,
    GoesInactive,
    Lag,
    LiveLater,
    OrderRule,
    Refusal,
    Rule,
)
from api_gateway.simulator.front.brokerage import SessionEvent
from api_gateway.simulator.orders.order import OrderRequest

Kind = Literal[
    "status",
    "status_after",
    "drop_before",
    "drop_after",
    "cut_before",
    "cut_after",
    "hang_before",
    "hang_after",
    "logged_out",
    "session_lost",
    "no_bridge",
    "competing",
    "empty",
    "malformed",
    "omit",
    "put",
    "add",
    "blank",
    "html",
    "denied",
    "redirect",
    "penalty",
    "delay",
]


Method = Literal["GET", "POST", "DELETE"]


def _matches(wanted: str, path: str) -> bool:
    pattern = "[^/]+".join(re.escape(part) for part in wanted.removeprefix("/v1/api").split("*"))
    return wanted == "/**" or re.fullmatch(pattern, path) is not None


class FaultRule(Rule):
    """`path` is the gateway path without `/v1/api`; `*` stands for one segment, `/**` for every path.

    `seconds` is real time; a hang of 0 seconds lasts until the client gives up. `session_lost` lasts until a login.
    `omit` leaves `keys` out of an answer that is an object, "USD.exchangerate" one inside another; `put` sets `values`
    in one; `add` appends `rows` to an answer that is a list, or to the list that stands under the first of `keys`.
    `penalty` boxes the caller, whatever the pacing.
    """

    path: Annotated[str, Field(pattern=r"^/")]
    method: Method | None = None
    kind: Kind
    status: Annotated[int, Field(ge=200, le=599)] = 503
    seconds: Annotated[float, Field(ge=0, le=120)] = 0.0
    keys: tuple[str, ...] = ()
    values: dict[str, Any] = Field(default_factory=dict)
    rows: tuple[Any, ...] = ()

    def matches(self, method: str, path: str) -> bool:
        return self.method in (None, method) and _matches(self.path, path)


class SessionRule(Rule):
    """Something happens to the session before a matching request is handled, `seconds` of session time after the start.

    It happens with the next request after that time, whether or not that request is itself turned away.
    """

    kind: Literal["session"]
    event: SessionEvent
    path: Annotated[str, Field(pattern=r"^/")] = "/**"
    method: Method | None = None
    seconds: Annotated[float, Field(ge=0)] = 0.0

    def matches(self, method: str, path: str, elapsed: float) -> bool:
        return elapsed >= self.seconds and self.method in (None, method) and _matches(self.path, path)


class StreamRule(Rule):
    """Spoils messages of the socket: "smd" those of all contracts, "smd+265598" of one; without a topic any message.

    `stream_silence` swallows it, `stream_cut` closes the connection in its place.
    """

    kind: Literal["stream_silence", "stream_cut", "stream_malformed", "stream_twice"]
    topic: str | None = None

    def matches(self, subject: str) -> bool:
        return self.topic in (None, subject, subject.partition("+")[0])


class BrokerRule(Rule):
    """A standing condition, from the moment it is given; it is not used up."""

    kind: Literal["broker"]
    change: BrokerChange


AnyRule = Annotated[
    FaultRule
    | SessionRule
    | StreamRule
    | BrokerRule
    | Refusal
    | Ask
    | LiveLater
    | FillScript
    | GoesInactive
    | CancelTooLate
    | CancelAsk
    | Lag,
    Field(discriminator="kind"),
]
RULES: TypeAdapter[tuple[AnyRule, ...]] = TypeAdapter(tuple[AnyRule, ...])
_Order = TypeVar("_Order", bound=OrderRule)
_Found = TypeVar("_Found", bound=Rule)


@dataclass(frozen=True)
class ActiveFault:
    """`waiting` is how many matches still pass unharmed, `left` how many will not."""

    rule: Rule
    left: int
    waiting: int


class FaultBox:
    def __init__(self, rules: tuple[Rule, ...] = ()) -> None:
        self._active: list[ActiveFault] = []
        self.add(rules)

    def add(self, rules: tuple[Rule, ...]) -> None:
        self._active += [ActiveFault(rule, rule.times, rule.after) for rule in rules]

    def active(self) -> tuple[ActiveFault, ...]:
        return tuple(self._active)

    def clear(self) -> None:
        self._active.clear()

    def take(self, method: str, path: str, kinds: frozenset[str] | None = None) -> FaultRule | None:
        """The first rule that matches the request, used up by one; of some kinds where those are given."""
        return self._take(FaultRule, lambda rule: rule.matches(method, path) and (kinds is None or rule.kind in kinds))

    def take_stream(self, subject: str) -> StreamRule | None:
        return self._take(StreamRule, lambda rule: rule.matches(subject))

    def session_event(self, method: str, path: str, elapsed: float) -> SessionEvent | None:
        """What happens to the session before this request: the first rule that is due, used up by one."""
        rule = self._take(SessionRule, lambda rule: rule.matches(method, path, elapsed))
        return rule.event if rule is not None else None

    def take_for(self, kind: type[_Order], request: OrderRequest) -> _Order | None:
        """The first rule of a kind that matches the order, used up by one."""
        return self._take(kind, lambda rule: rule.matches(request))

    def lag(self, listed: Literal["orders", "trades"]) -> Lag | None:
        """The latest rule for the list; it stays in force."""
        rules = [one.rule for one in self._active if isinstance(one.rule, Lag)]
        return next((rule for rule in reversed(rules) if rule.list in ("both", listed)), None)

    def _take(self, kind: type[_Found], matches: Callable[[_Found], bool]) -> _Found | None:
        for place, fault in enumerate(self._active):
            rule = fault.rule
            if not isinstance(rule, kind) or not matches(rule):
                continue
            if fault.waiting:
                self._active[place] = replace(fault, waiting=fault.waiting - 1)
                continue
            if fault.left == 1:
                del self._active[place]
            else:
                self._active[place] = replace(fault, left=fault.left - 1)
            return rule
        return None
