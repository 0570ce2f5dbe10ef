"""What each setting of a policy does to a portfolio as a report found it; without a report, what it does at all.

Works on any policy, also one that the report was not made under: it takes the report's measurements and judges them by
the policy's own numbers. Must never show a notification address, which may hold a password.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.policy import Policy
from app.domain.policy.check import Finding, Level
from app.domain.policy.fields import written
from app.explain.day import Day, Report, listed
from app.explain.order_words import ORDER_WORDS
from app.explain.risk_words import WORDS
from app.explain.target_words import TARGET_WORDS

SESSIONS_A_MONTH, SESSIONS_PER_YEAR = 21, 252


@dataclass(frozen=True, slots=True)
class PolicyField:
    """One field: its value as the file writes it, what it does, and what that comes to today; None for nothing."""

    field: str
    value: object
    does: str
    today: str | None


def usable(report: Report | None) -> bool:
    """Something can be said of today by it."""
    return report is not None and report.get("portfolio") is not None and report.get("evaluation") is not None


def policy_fields(policy: Policy, does: Mapping[str, str], report: Report | None) -> tuple[PolicyField, ...]:
    """Every field in the file's order. `does`: path without numbers of list items → what the field does."""
    day = Day(policy, report) if report is not None and usable(report) else None
    return tuple(
        PolicyField(path, masked(path, value), does.get(_unnumbered(path), ""), _today(day, path) if day else None)
        for path, value in written(policy)
    )


def masked(path: str, value: object) -> object:
    """Addresses without what is secret in them."""
    if path == "notifications.urls" and isinstance(value, list):
        return [f"{str(url).partition('://')[0]}://…" for url in value]
    return value


def noise(policy: Policy, report: Report) -> Finding | None:
    """A stop loss that a month's usual movement of a name reaches: one standard deviation of 21 sessions' returns.

    About one name in three whose price has no direction would be sold within a month. Volatility of 30 returns.
    """
    if policy.exits.volatility_multiple >= 1:
        return None
    known = {s: v for s, v in (report["market"] or {}).get("volatility_30d", {}).items() if v is not None}
    own = {symbol: known[symbol] for symbol in policy.universe.symbols if symbol in known}
    usual = {symbol: value * (SESSIONS_A_MONTH / SESSIONS_PER_YEAR) ** 0.5 for symbol, value in own.items()}
    wild = sorted((symbol for symbol in usual if usual[symbol] > policy.exits.stop_loss), key=lambda s: -usual[s])
    if not wild:
        return None
    return Finding(
        Level.WARNING,
        "exits.stop_loss_pct",
        f"{policy.exits.stop_loss:.1%} is tighter than a month's usual movement of "
        f"{listed([f'{symbol} ({usual[symbol]:.1%})' for symbol in wild])}: chance alone sells them",
    )


def _unnumbered(path: str) -> str:
    return ".".join(part for part in path.split(".") if not part.isdigit())


def _today(day: Day, path: str) -> str:
    """What the report's numbers say of the field; else what the run itself said under this policy."""
    plain = _unnumbered(path)
    words = WORDS.get(plain) or TARGET_WORDS.get(plain) or ORDER_WORDS.get(plain)
    return words(day, path) if words is not None else _said(day, path)


def _said(day: Day, path: str) -> str:
    if not day.same:
        return "the newest run was made under another policy and does not tell"
    texts = [
        condition["text"]
        for explanation in day.report.get("explanations", ())
        for condition in (*explanation["requirements"], *explanation["triggers"])
        if condition["rule"] == path
    ]
    return listed(list(dict.fromkeys(texts))) or "the newest run does not tell"
