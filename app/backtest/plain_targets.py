"""What a policy aims at, whatever its rules do: the targets of an account that holds nothing, month by month."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import numpy as np

from app.backtest.ablation import in_any_market
from app.backtest.account import Account
from app.backtest.benchmarks import MONTH
from app.backtest.books import cash_book
from app.backtest.reader import Reader
from app.backtest.replay import Replayed
from app.domain.market import Array
from app.risk import measure


def plain_targets(way: Replayed, reader: Reader) -> Mapping[int, Array]:
    """Day of the way, 1 for the first, → the targets by column of its history, as benchmarks take them.

    Of as much money as the account was worth on that day, without caps of the market and without memory. A day on
    which nothing could be bought leaves what was before.
    """
    return dict(_found(way, reader))


def _found(way: Replayed, reader: Reader) -> Iterator[tuple[int, Array]]:
    policy, history = in_any_market(way.policy), way.history
    for day in range(1, len(way.dates) + 1, MONTH):
        row = way.first + day - 1
        money = cash_book(history, row - 1, Decimal(round(way.nav[day])), way.start.currency)
        market = reader.market(row)
        targets = measure(Account(policy, reader, way.assumptions, money, row).given(market).today).targets
        weights = np.zeros(len(history.instruments))
        for conid, weight in targets.items():
            weights[history.columns[conid]] = weight
        if weights.any():
            yield day, weights
