"""What a run changed on its account's way back from a fall, as events of the ledger's own. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from app.desk.records import Event
from app.engine.memory import EvaluationRecord
from app.ledger.events import OwnKind

_VALUE = ("session_date", "nav", "currency")
# What each of them tells, in the order in which they follow one another.
TOLD: Mapping[str, tuple[str, ...]] = {
    OwnKind.RECOVERY_BEGAN: (*_VALUE, "mark", "drawdown", "left", "gap"),
    OwnKind.MARK_REBASED: (*_VALUE, "mark", "marked", "began"),
    OwnKind.RECOVERY_ENDED: (*_VALUE, "began"),
}
_NOTHING = EvaluationRecord({}, {}, None)
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Value:
    """What an account is worth, in base currency; `drawdown` from its mark, None where nobody knows it."""

    session_date: date
    nav: Decimal
    currency: str
    drawdown: float | None

    @property
    def mark(self) -> Decimal | None:
        """What it would be worth without that fall, with the money that is in it now."""
        if self.drawdown is None or not self.drawdown < 1:
            return None
        return (self.nav / Decimal(1 - self.drawdown)).quantize(_CENT)


def turns(before: EvaluationRecord | None, now: EvaluationRecord, value: Value) -> Iterator[Event]:
    """`before`: what the newest finished run left, of an earlier session or of this one."""
    before = before or _NOTHING
    known, recovery = before.recovery, now.recovery
    began = known.began if known else None
    facts: dict[str, Any] = {
        "session_date": value.session_date,
        "nav": value.nav,
        "currency": value.currency,
        "mark": value.mark,
        "marked": now.marked,
        "began": began,
    }
    if recovery is not None and recovery.began != began:
        fall = {"drawdown": recovery.acted_at, "left": recovery.left, "gap": recovery.gap}
        yield _event(OwnKind.RECOVERY_BEGAN, {**facts, **fall})
    if now.marked is not None and (before.marked is None or now.marked > before.marked):
        yield _event(OwnKind.MARK_REBASED, facts)
    if known is not None and recovery is None:
        yield _event(OwnKind.RECOVERY_ENDED, facts)


def _event(kind: OwnKind, facts: Mapping[str, Any]) -> Event:
    return Event(kind, {name: facts[name] for name in TOLD[kind]})
