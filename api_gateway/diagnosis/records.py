"""What a diagnosis answers: its JSON is a contract with the callers. No secret and no whole account id is in it."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Status(StrEnum):
    """`skipped` was not looked at; its finding says why."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    SKIPPED = "skipped"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Check(_Value):
    """`finding` is one line; `remedy` is what a person can do, None where there is nothing to do."""

    name: str
    status: Status
    finding: str
    remedy: str | None = None


class Facts(_Value):
    """What the caller compares with what it knows itself; None where it was not found out."""

    simulator: bool | None = None
    paper: bool | None = None
    currency: str | None = None
    account_type: str | None = None


class Diagnosis(_Value):
    checks: tuple[Check, ...]
    facts: Facts


def short(account: str) -> str:
    """The account id as it may be printed."""
    return f"{account[:2]}…{account[-3:]}" if len(account) > 6 else "…"
