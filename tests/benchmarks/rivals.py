"""One simple rule in other people's engines: run by the Python of a virtual environment that has them.

Nine tenths in equal parts, renewed once a month, 5 basis points of fees, filled at the close of the session after the
month's first. It imports nothing of this project. Usage: `python rivals.py ENGINE CLOSES.npy DAYS.npy`, where DAYS are
the rows of the fills; prints JSON.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
INVESTED, FEE, CASH = 0.9, 0.0005, 250_000.0
ROUNDS = 5


def with_bt(closes: Floats, days: Rows) -> Callable[[], float]:
    """Whole shares."""
    bt, pd = import_module("bt"), import_module("pandas")
    dates = pd.bdate_range("1990-01-01", periods=len(closes))
    table = pd.DataFrame(closes, index=dates, columns=[f"n{n}" for n in range(closes.shape[1])])

    def run() -> float:
        rule = bt.Strategy(
            "even",
            [
                bt.algos.RunOnDate(*dates[days]),
                bt.algos.SelectAll(),
                bt.algos.WeighEqually(),
                bt.algos.ScaleWeights(INVESTED),
                bt.algos.Rebalance(),
            ],
        )
        test = bt.Backtest(
            rule, table, initial_capital=CASH, commissions=lambda q, p: abs(q) * p * FEE, progress_bar=False
        )
        bt.run(test)
        return float(test.strategy.values.iloc[-1])

    return run


def with_vectorbt(closes: Floats, days: Rows) -> Callable[[], float]:
    """Parts of shares."""
    vbt, pd = import_module("vectorbt"), import_module("pandas")
    size = np.full(closes.shape, np.nan)
    size[days] = INVESTED / closes.shape[1]
    table = pd.DataFrame(closes, index=pd.bdate_range("1990-01-01", periods=len(closes)))

    def run() -> float:
        found = vbt.Portfolio.from_orders(
            table,
            size,
            size_type="targetpercent",
            fees=FEE,
            init_cash=CASH,
            cash_sharing=True,
            group_by=True,
            call_seq="auto",
        )
        return float(np.asarray(found.value())[-1])

    return run


ENGINES = {"bt": with_bt, "vectorbt": with_vectorbt}


def main() -> None:
    """The first call apart, for it compiles; then the quickest of some, on processor time."""
    engine, *files = sys.argv[1:]
    closes, days = (np.load(file, allow_pickle=False) for file in files)
    run = ENGINES[engine](closes, days)
    started = time.process_time()
    final = run()
    first = time.process_time() - started
    taken = []
    for _ in range(ROUNDS):
        started = time.process_time()
        run()
        taken.append(time.process_time() - started)
    version = sys.modules[engine].__version__
    sys.stdout.write(json.dumps({"version": version, "seconds": min(taken), "first": first, "final": final}) + "\n")


if __name__ == "__main__":
    main()
