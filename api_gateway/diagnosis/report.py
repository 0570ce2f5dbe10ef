"""Collects the checks in a fixed order, so that one failure is named once and what hangs on it is skipped."""

from typing import Final, NoReturn

from api_gateway.diagnosis.records import Check, Diagnosis, Facts, Status

# In this order; each but the clock needs the ones before it.
NAMES: Final = (
    "gateway",
    "tls",
    "allow_list",
    "login",
    "competing",
    "bridge",
    "accounts",
    "trading_mode",
    "account",
    "market_data",
    "clock",
)


class Ended(Exception):
    """Not an error: nothing further can be looked at."""


class Report:
    """`facts` grows while the diagnosis goes on."""

    def __init__(self) -> None:
        self.facts = Facts()
        self._checks: dict[str, Check] = {}

    def ok(self, name: str, finding: str) -> None:
        self._put(name, Status.OK, finding, None)

    def warn(self, name: str, finding: str, remedy: str) -> None:
        self._put(name, Status.WARNING, finding, remedy)

    def fail(self, name: str, finding: str, remedy: str) -> None:
        self._put(name, Status.FAILURE, finding, remedy)

    def skip(self, name: str, why: str) -> None:
        self._put(name, Status.SKIPPED, why, None)

    def end(self, name: str, finding: str, remedy: str, status: Status = Status.FAILURE) -> NoReturn:
        """A finding that makes every later check impossible."""
        self._put(name, status, finding, remedy)
        raise Ended

    def learn(self, **facts: object) -> None:
        self.facts = self.facts.model_copy(update=facts)

    def finished(self) -> Diagnosis:
        """Every check by name; those that nobody came to are skipped because of the first that was not passed."""
        found = [self._checks[name] for name in NAMES if name in self._checks]
        cause = next((check.name for check in found if check.status in (Status.FAILURE, Status.WARNING)), None)
        why = f"not looked at because of {cause}" if cause else "not looked at"
        missing = {name: Check(name=name, status=Status.SKIPPED, finding=why) for name in NAMES}
        return Diagnosis(checks=tuple((missing | self._checks)[name] for name in NAMES), facts=self.facts)

    def _put(self, name: str, status: Status, finding: str, remedy: str | None) -> None:
        self._checks[name] = Check(name=name, status=status, finding=" ".join(finding.split()), remedy=remedy)
