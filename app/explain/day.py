"""A report's numbers, by what they are asked for when a policy's settings are explained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.policy import Policy

NAMED = 3
Report = Mapping[str, Any]


@dataclass(frozen=True)
class Day:
    """A report's numbers, by what they are asked for; a report without a portfolio or an evaluation is of no use."""

    policy: Policy
    report: Report

    @property
    def same(self) -> bool:
        """The report was made under this very policy, so that what it says of rules holds."""
        return bool(self.report["policy"]["hash"] == self.policy.hash)

    @property
    def nav(self) -> float:
        """Base currency."""
        return float(self.report["portfolio"]["nav"])

    @property
    def positions(self) -> Sequence[Mapping[str, Any]]:
        """Holdings of a share or more."""
        return [row for row in self.report["portfolio"]["positions"] if float(row["quantity"]) >= 1]

    @property
    def currency(self) -> str:
        """The account's base currency."""
        return str(self.report["portfolio"]["currency"])

    @property
    def market(self) -> Mapping[str, Any]:
        """What the market said."""
        found: Mapping[str, Any] = self.report["market"]
        return found

    @property
    def memory(self) -> Mapping[str, Any]:
        """What the ledger remembered; empty in reports of earlier versions."""
        return self.report.get("memory") or {}

    @property
    def chosen(self) -> Mapping[str, Any] | None:
        """The plan that was chosen."""
        decision = self.report["decision"]
        return next((plan for plan in self.report["plans"] if decision and plan["id"] == decision["plan_id"]), None)

    def metric(self, name: str) -> Mapping[str, Any]:
        """The measurement of that name."""
        return next(row for row in self.report["evaluation"]["metrics"] if row["name"] == name)

    @property
    def price_levels(self) -> Mapping[str, Mapping[str, Any]]:
        """The prices at which rules act, by symbol; empty in reports of earlier versions."""
        return {row["symbol"]: row for row in self.report.get("price_levels") or ()}

    def returns(self) -> dict[str, float]:
        """Symbol → price over what gains count from less one, the lowest first; without a known cost none."""
        levels = self.price_levels
        bases = {p["symbol"]: float(levels.get(p["symbol"], {}).get("base", p["average_cost"])) for p in self.positions}
        prices = {p["symbol"]: float(p["price"]) for p in self.positions}
        found = {symbol: prices[symbol] / base - 1 for symbol, base in bases.items() if base > 0}
        return dict(sorted(found.items(), key=lambda item: item[1]))

    def loss_levels(self, least: float, multiple: float) -> dict[str, float]:
        """Symbol → the loss from which a rule acts on it: the percentage, or so often its monthly volatility."""
        levels = self.price_levels
        usual = {symbol: levels.get(symbol, {}).get("monthly_volatility") or 0.0 for symbol in self.returns()}
        return {symbol: max(least, multiple * volatility) for symbol, volatility in usual.items()}


def listed(texts: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(texts) - NAMED
    return ", ".join(texts[:NAMED]) + (f" and {more} more" if more > 0 else "")


Words = Callable[[Day, str], str]
