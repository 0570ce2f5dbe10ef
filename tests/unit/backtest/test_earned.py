"""What the orders of a replay earned is its account less the account that never traded, through splits and endings."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from app.backtest.document import document
from app.backtest.history import Adjustment, Ending, History, Split
from app.backtest.judge import backtest
from app.backtest.replay import Replayed, replay
from app.backtest.statistics.earned import earned_of, earnings_of
from tests.support.histories import FREE, book, history, holding, instrument, sessions
from tests.unit.backtest.test_judge import DAYS, NAMES, asked, policy, small_world

START, HELD = 251, 500


def eventful(split: int, ending: int) -> History:
    """KO is split three for one, and GE is paid out at 20 a share; on those rows of the small world."""
    closes: dict[str, list[float | None]] = {name: small_world().closes[:, n].tolist() for n, name in enumerate(NAMES)}
    days = sessions(DAYS)
    closes["KO"] = [
        None if price is None else round(price / 3, 4) if row >= split else price
        for row, price in enumerate(closes["KO"])
    ]
    closes["GE"] = [price if row < ending else None for row, price in enumerate(closes["GE"])]
    happenings = (
        Split(instrument("KO").conid, days[split], days[split], Decimal(3)),
        Ending(instrument("GE").conid, days[ending], days[ending], Decimal(20)),
    )
    return history(closes, index=small_world().index, adjustment=Adjustment.NONE, happenings=happenings)


def replayed(of: History, cash: str = "20000") -> Replayed:
    held = [holding(name, HELD, f"{of.closes[START, n]:.4f}") for n, name in enumerate(NAMES)]
    (found,) = replay([policy()], of, book(of, cash, *held, row=START), FREE, of.dates[START + 1], of.dates[-1])
    return found


def untouched(of: History) -> float:
    """The starting book at the last prices, in shares of today; what is paid out for a share that ended stays cash."""
    worth = 20000.0
    for n, name in enumerate(NAMES):
        known = of.closes[np.isfinite(of.closes[:, n]), n]
        worth += HELD * (20 if name == "GE" and np.isnan(of.closes[-1, n]) else known[-1])
    return worth


@pytest.mark.parametrize(("split", "ending"), [(300, 320), (262, 258), (258, 262), (329, 329)])
def test_the_sum_is_what_the_account_has_more_than_one_that_never_traded(split: int, ending: int) -> None:
    of = eventful(split, ending)
    found = replayed(of)
    assert found.done
    more_shares = HELD * 2 * float(of.closes[-1, NAMES.index("KO")])
    # A fraction of a share that a split or merger leaves is paid out at another price than the last.
    assert float(earnings_of(found).total.earned) == pytest.approx(
        found.nav[-1] - untouched(of) - more_shares, abs=of.closes[-1].max(where=np.isfinite(of.closes[-1]), initial=0)
    )


def test_the_document_and_the_tables_tell_it_by_action_and_by_rule() -> None:
    found = backtest(asked())
    (one,) = found.judged
    assert one.earned == earned_of(one.replayed)
    total = earnings_of(one.replayed).total
    assert total.fills == len(one.replayed.done)
    assert sum(each["earned"] for each in one.earned["actions"].values()) == pytest.approx(float(total.earned))
    (told,) = document(found)["policies"]
    assert told["earned"] == one.earned


def test_costs_are_part_of_it() -> None:
    dear = replace(FREE, slippage_bps=Decimal(50))
    of = small_world()
    (found,) = backtest(asked(assumptions=dear)).judged
    worth = 20000 + sum(HELD * of.closes[-1, n] for n in range(len(NAMES)))
    assert float(earnings_of(found.replayed).total.earned) == pytest.approx(found.replayed.nav[-1] - worth)
