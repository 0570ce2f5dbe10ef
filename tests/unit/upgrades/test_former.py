"""What an upgrade reads out of a report is what is recorded beside it today: going back and forth loses nothing."""

from decimal import Decimal
from typing import Any

import pytest

from app.domain.evaluation import ExitRule
from app.domain.order import OrderRule
from app.domain.portfolio import CashBalance
from app.ledger import former, run_memory
from app.ledger.engine import create_ledger_engine, migrate, open_ledger
from app.ledger.schema import HEAD
from app.ledger.transactions import writing
from tests.support.fakes import Office
from tests.support.ledgers import SqliteDatabases
from tests.support.world import World
from tests.unit.ledger.builders import AT, dump
from tests.unit.ledger.test_migrations import of_books
from tests.unit.upgrades.stories import STORIES


class TwoCurrencies(World):
    """Its dollars, and some euros."""

    def balances(self) -> tuple[CashBalance, ...]:
        euros = Decimal("1234.567")
        return (*super().balances(), CashBalance("EUR", euros, euros, Decimal("1.0873")))


@pytest.fixture
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return SqliteDatabases(tmp_path_factory.mktemp("ledger")).empty()


# A way back from a fall is in no report: who goes back with one brings back the copy.
@pytest.mark.parametrize("name", ["rotated", "cooling_down", "waiting", "lapsed"])
async def test_an_older_version_may_be_gone_back_to_and_come_back_from(name: str, url: str) -> None:
    ledger = open_ledger(url)
    office = Office(ledger, world=TwoCurrencies())
    await STORIES[name].until(office)
    before = dump(url)
    engine = create_ledger_engine(url)
    for revision in ("0004", HEAD):
        with writing(engine) as connection:
            migrate(connection, revision)
    engine.dispose()
    after = dump(url)
    assert of_books(after["events"]) == of_books(before["events"])
    # The ledger's own chain begins anew, and older versions have no place for kept inputs.
    kept = set(before) - {"events", "chain", "ledger_head", "chunks"}
    assert [table for table in kept if before[table] != after[table]] == []
    assert name == "lapsed" or before["run_memory"]
    ledger.dispose()
    again = open_ledger(url)
    assert again.verify().problems == ()
    again.dispose()


def test_a_report_that_knew_one_sum_of_cash_and_no_flows_is_still_read() -> None:
    report: dict[str, Any] = {
        "session_date": "2022-03-14",
        "continuity": None,
        "portfolio": {
            "currency": "USD",
            "nav": "15000",
            "cash": "10000",
            "as_of": AT.isoformat(),
            "fx_rates": {},
            "positions": [{"conid": 1, "currency": "USD", "quantity": "100", "price": "50"}],
        },
    }
    found = former.memory("run_1", report).account
    assert found is not None
    assert (found.balances, found.quantities) == ({"USD": Decimal(10000)}, {1: Decimal(100)})
    assert found.detected_flows == found.unexplained_flow == 0


@pytest.mark.parametrize("part", ["evaluation", "portfolio"])
def test_a_report_of_another_form_leaves_nothing(part: str) -> None:
    assert run_memory.texts(former.memory("run_1", {part: {"nav": "1"}})) == {}


@pytest.mark.parametrize(
    ("reason", "rules"),
    [
        ("stop_loss: unrealised -21.0% against -15.0%", "stop_loss"),
        ("drawdown+take_profit: drawdown 20.0% against 15.0%, unrealised 60.0% against 50.0%", "drawdown+take_profit"),
        ("cut_losers: unrealised MSFT -11.0% against -10.0%", "cut_losers"),
        ("manual_exit: asked for by a: b", "manual_exit"),
        ("drift: 3 %", ""),
        ("", ""),
    ],
)
def test_the_rules_of_then_are_read_out_of_the_reason(reason: str, rules: str) -> None:
    assert former.rules(reason) == rules


def test_every_exit_is_a_rule_of_an_order_and_so_is_every_strategy() -> None:
    assert {rule.value for rule in ExitRule} < {rule.value for rule in OrderRule}
    rules = {rule.value for rule in OrderRule}
    assert {"cut_losers", "reinforce", "rotate", "rebalance"} < rules
    assert all(former.rules(f"{rule}: words") == rule for rule in rules)
