"""Four real days under the three shipped policies, as the tables in `docs/risk.md`.

`python -m tests.stress --write` writes them; a test compares. Must never touch text outside the marked part.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from app.domain.evaluation import Evaluation, Metric
from app.domain.order import Side
from app.domain.plan import Plan
from app.domain.policy import Policy
from app.domain.ruling import DayUse, KillLevel
from app.domain.tolerance import TOLERANCE
from app.engine import decide
from app.risk import Today
from app.settings import load_policy, shipped_policy
from tests.support.sample import Day, day

DOCUMENT = Path(__file__).parents[1] / "docs" / "risk.md"
BEGIN, END = "<!-- stress days: begin -->", "<!-- stress days: end -->"
DAYS = {
    date(2008, 10, 10): "the week of the crash of 2008",
    date(2020, 3, 16): "the worst day of March 2020",
    date(2018, 12, 24): "the low of December 2018",
    date(2017, 6, 1): "a calm day of 2017",
}
POLICIES = {"conservative": "conservative_policy", "moderate": "default_policy", "aggressive": "aggressive_policy"}
LIMITED = {
    "max_position": "largest position",
    "max_sector": "largest sector",
    "annual_volatility": "volatility, annual",
    "var_95_1d": "VaR 95 %, 1 day",
    "daily_loss": "loss of the day",
    "correlated_cluster": "correlated cluster",
    "cash_reserve": "cash reserve",
    "drawdown": "drawdown",
    "exposure": "invested",
}


@dataclass(frozen=True)
class StressDay:
    """One day under one policy, as the desk decides it with the rules as chooser."""

    evaluation: Evaluation
    plan: Plan
    offered: int


def stress_day(policy: Policy, inputs: Day) -> StressDay:
    """By a desk whose level no loss raises: what would be bought is shown too."""
    today = Today(policy, inputs.portfolio, inputs.market, inputs.navs)
    found = decide(today, DayUse(), KillLevel.ACTIVE)
    return StressDay(found.evaluation, found.chosen, len(found.options.feasible))


def tables() -> str:
    """The generated part, without its marks."""
    policies = {name: load_policy(shipped_policy().with_name(f"{file}.yaml")) for name, file in POLICIES.items()}
    lines: list[str] = []
    for on, what in DAYS.items():
        lines += _day(on, what, {name: stress_day(policy, day(on)) for name, policy in policies.items()})
    return "\n".join(lines)


def _day(on: date, what: str, found: dict[str, StressDay]) -> Iterator[str]:
    one = next(iter(found.values())).evaluation
    yield f"\n### {on.day} {on:%B %Y}: {what}"
    yield f"Trend {one.trend}, volatility index {one.vix:.0f} (derived from the index).\n"
    yield f"| | measured | {' | '.join(found)} |"
    yield f"|---|---|{'---|' * len(found)}"
    for name, words in LIMITED.items():
        cells = (_against(each.evaluation.metric(name)) for each in found.values())
        yield f"| {words} | {_percent(one.metric(name).value)} | {' | '.join(cells)} |"
    for words, tell in (("exits due", _exits), ("decided", _choice), ("sold, bought", _turnover), ("after", _after)):
        yield f"| **{words}** | | {' | '.join(tell(each) for each in found.values())} |"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value * 100:.1f} %"


def _against(metric: Metric) -> str:
    """The limit; in bold where it is not met."""
    words = f"{'≥' if metric.floor else '≤'} {_percent(metric.limit)}"
    return f"**{words} {metric.severity}**" if metric.breached else f"{words} {metric.severity}"


def _exits(found: StressDay) -> str:
    rules_due = Counter(due.metric or due.rule.value for due in found.evaluation.exits_due)
    return ", ".join(f"{count} {rule}" for rule, count in rules_due.items()) or "none"


def _choice(found: StressDay) -> str:
    return f"{found.plan.action}, {f'one of {found.offered} plans' if found.offered > 1 else 'the only plan'}"


def _turnover(found: StressDay) -> str:
    nav = found.evaluation.nav

    def share(side: Side) -> float:
        return float(sum(order.notional for order in found.plan.orders if order.side is side) / nav)

    return f"{_percent(share(Side.SELL))}, {_percent(share(Side.BUY))}"


def _after(found: StressDay) -> str:
    """What is still over its limit once the plan is carried out."""
    then = found.plan.post_trade
    if then is None:
        return "unknown"
    broken = [
        LIMITED[metric.name]
        for metric in found.evaluation.metrics
        if metric.limit is not None and not _met(metric, then.metrics.get(metric.name))
    ]
    return f"{_percent(then.exposure)} invested; over: {', '.join(broken) or 'nothing'}"


def _met(metric: Metric, value: float | None) -> bool:
    if value is None or metric.limit is None:
        return False
    return value >= metric.limit - TOLERANCE if metric.floor else value <= metric.limit + TOLERANCE


def renewed(text: str) -> str:
    """The document with its tables as they are now."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{tables().lstrip()}\n{END}{tail}"


def main() -> int:
    """Returns the exit status: 1 where the document says something else and is not to be written."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description="The stress days of docs/risk.md.")
    parser.add_argument("--write", action="store_true", help="write the document")
    given = parser.parse_args()
    text = DOCUMENT.read_text(encoding="utf-8")
    new = renewed(text)
    if given.write:
        DOCUMENT.write_text(new, encoding="utf-8")
        return 0
    sys.stdout.write(tables() + "\n")
    return int(new != text)


if __name__ == "__main__":
    sys.exit(main())
