"""Misbehaviour on demand: rules that spoil the next matching answers of the gateway.

`drop_before` loses the request, `drop_after` loses the answer to a request that took effect; both look the same from
outside, which is the point.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal[
    "status",
    "drop_before",
    "drop_after",
    "logged_out",
    "no_bridge",
    "competing",
    "empty",
    "malformed",
    "delay",
]


class FaultRule(BaseModel):
    """`path` is the gateway path without `/v1/api`; `*` stands for one segment. `seconds` is real time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[str, Field(pattern=r"^/")]
    method: Literal["GET", "POST", "DELETE"] | None = None
    kind: Kind
    status: Annotated[int, Field(ge=400, le=599)] = 503
    times: Annotated[int, Field(ge=1)] = 1
    seconds: Annotated[float, Field(ge=0, le=120)] = 0.0

    def matches(self, method: str, path: str) -> bool:
        pattern = "[^/]+".join(re.escape(part) for part in self.path.removeprefix("/v1/api").split("*"))
        return self.method in (None, method) and re.fullmatch(pattern, path) is not None


@dataclass(frozen=True)
class ActiveFault:
    rule: FaultRule
    left: int


class FaultBox:
    def __init__(self) -> None:
        self._active: list[ActiveFault] = []

    def add(self, rules: tuple[FaultRule, ...]) -> None:
        self._active += [ActiveFault(rule, rule.times) for rule in rules]

    def active(self) -> tuple[ActiveFault, ...]:
        return tuple(self._active)

    def clear(self) -> None:
        self._active.clear()

    def take(self, method: str, path: str) -> FaultRule | None:
        """The first rule that matches, used up by one."""
        for place, fault in enumerate(self._active):
            if fault.rule.matches(method, path):
                if fault.left == 1:
                    del self._active[place]
                else:
                    self._active[place] = ActiveFault(fault.rule, fault.left - 1)
                return fault.rule
        return None
