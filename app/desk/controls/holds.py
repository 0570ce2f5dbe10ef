"""What keeps an account from buying, and what lifts it, with dates; and what a person saw who resumed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.desk.ports import Calendar
from app.desk.records import Control, Measured
from app.desk.report.dates import in_sessions
from app.domain.plan import Memory
from app.domain.policy import Policy, RecoveryMode
from app.domain.recovery import Recovery
from app.domain.ruling import Cause, KillLevel
from app.domain.way_back import ahead
from app.engine.levels import OF_ONE_SESSION, WORSE
from app.engine.memory import memory_of

RESUME = '`portfolio resume --reason "..."`'
_ALLOWS = {KillLevel.REDUCING: "exits only", KillLevel.HALTED: "nothing is sent"}


@dataclass(frozen=True, slots=True)
class Outlook:
    """By that policy and calendar."""

    policy: Policy
    calendar: Calendar

    def holds(self, control: Control, measured: Measured | None) -> dict[str, Any]:
        """As JSON: `holds`, each with `because` and `lifts` in words, and what is `acknowledged`."""
        found = list(self._level(control))
        if measured is None:
            return {"holds": found, "acknowledged": []}
        memory = memory_of(
            {},
            measured.record,
            lambda day: self.calendar.sessions_between(day, measured.session_date),
            resumed=measured.resumed,
        )
        if measured.record.recovery is not None:
            found.append(self._recovery(measured, measured.record.recovery, memory))
        return {"holds": found, "acknowledged": list(self._acknowledged(memory))}

    def _level(self, control: Control) -> Iterator[dict[str, Any]]:
        if control.level is KillLevel.ACTIVE:
            return
        what = {"what": "kill_level", "level": control.level.value, "allows": _ALLOWS[control.level]}
        if not control.causes:
            because = f"{control.actor}: {control.reason}"
            yield {**what, "because": because, "lifts_by": "person", "lifts": RESUME}
        for cause in control.causes:
            yield {**what, **self._cause(cause), "lifts_by": "itself"}

    def _cause(self, cause: Cause) -> dict[str, Any]:
        following = in_sessions(self.calendar, cause.session_date, 1)
        if cause.metric == OF_ONE_SESSION:
            lifts = f"the first run of {following} or later, if that day's loss is within the limit"
        else:
            lifts = f"the first run that finds {cause.metric} within {cause.limit:.1%}"
        return {
            "because": f"{cause} on {cause.session_date}",
            "metric": cause.metric,
            "since": cause.session_date.isoformat(),
            "value": cause.value,
            "limit": cause.limit,
            "lifts": f"{lifts}; {RESUME} at once",
            "earliest": following.isoformat() if following and cause.metric == OF_ONE_SESSION else None,
        }

    def _recovery(self, measured: Measured, recovery: Recovery, memory: Memory) -> dict[str, Any]:
        rules, today = self.policy.recovery, measured.session_date
        found = ahead(rules, memory, recovery, today)
        waits = recovery.rebased is None and rules.mode is RecoveryMode.PERSON
        resumed = memory.resumed is not None and memory.resumed >= recovery.acted
        cap = 0.0 if waits and not resumed else recovery.allowed(rules, memory.since_rebased)
        dates = {
            "mark_rebased_on": recovery.rebased,
            "mark_earliest": in_sessions(self.calendar, today, found.mark_earliest),
            "mark_latest": in_sessions(self.calendar, today, found.mark_latest),
            "next_step_on": in_sessions(self.calendar, today, found.step),
            "ends_on": in_sessions(self.calendar, today, found.end),
        }
        texts = {name: None if day is None else day.isoformat() for name, day in dates.items()}
        if waits:
            lifts = f"you resumed on {memory.resumed}: the next run goes on" if resumed else RESUME
        elif recovery.rebased is None:
            lifts = (
                f"falls count anew from {texts['mark_earliest']} at the earliest, if the trend is not bear, and from "
                f"{texts['mark_latest']} at the latest; then up to {found.next_cap or 0:.1%} may be invested"
            )
        else:
            lifts = f"up to {found.next_cap or 0:.1%} from {texts['next_step_on']}; no bound from {texts['ends_on']}"
        return {
            "what": "recovery",
            "allows": f"purchases up to an exposure of {cap:.1%}",
            "because": f"a fall of {recovery.acted_at:.1%}, acted upon on {recovery.acted}",
            "fell_on": recovery.began.isoformat(),
            "acted_on": recovery.acted.isoformat(),
            "drawdown": recovery.acted_at,
            "cap": cap,
            **texts,
            "next_cap": found.next_cap,
            "lifts_by": "person" if waits and not resumed else "itself",
            "lifts": lifts,
        }

    def _acknowledged(self, memory: Memory) -> Iterator[dict[str, Any]]:
        limits = {
            "daily_loss": self.policy.risk_limits.max_daily_loss,
            "var_95_1d": self.policy.risk_limits.max_var_95_1d,
        }
        for metric, value in sorted(memory.acknowledged.items()):
            yield {
                "metric": metric,
                "value": value,
                "resumed_on": memory.resumed.isoformat() if memory.resumed else None,
                "raises_from": value + WORSE * limits[metric],
            }
