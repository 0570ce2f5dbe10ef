"""What an optimiser makes of names, and what happens where it cannot."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from app.allocation import shares
from app.domain.market import Market
from app.domain.policy import Weighting
from tests.support.worlds import LENGTH, closes, conid, evaluate, even, market, policy, series, sessions, with_history

NAMES = ("AA", "BB", "CC")
AA, BB, CC = NUMBERS = tuple(map(conid, NAMES))
SPREADS = (0.005, 0.01, 0.02)
DAY = with_history(market(), {name: closes(1 + i, SPREADS[i]) for i, name in enumerate(NAMES)})
OPTIMISERS = (Weighting.MIN_VARIANCE, Weighting.RISK_PARITY, Weighting.HRP)

LOAD = "from app.settings import load_policy; load_policy(pathlib.Path(sys.argv[1]))"
needs_extra = pytest.mark.oracles


def _shares(weighting: Weighting, day: Market = DAY, most: Mapping[int, float] | None = None) -> dict[int, float]:
    found = shares(weighting, day, NUMBERS, {}, most or {})
    assert found is not None
    return found


@needs_extra
@pytest.mark.parametrize("weighting", OPTIMISERS)
def test_calmer_names_get_more_of_the_whole(weighting: Weighting) -> None:
    found = _shares(weighting)
    assert found[AA] > found[BB] > found[CC] >= 0
    assert sum(found.values()) == pytest.approx(1)


@needs_extra
@pytest.mark.parametrize("weighting", OPTIMISERS)
def test_no_name_gets_more_than_its_limits_allow(weighting: Weighting) -> None:
    found = _shares(weighting, most={AA: 0.4, BB: 0.4, CC: 0.4})
    assert max(found.values()) <= 0.4 + 1e-4
    assert sum(found.values()) == pytest.approx(1)


@needs_extra
def test_limits_that_leave_too_little_room_are_filled() -> None:
    assert _shares(Weighting.MIN_VARIANCE, most={AA: 0.2, BB: 0.1, CC: 0.1}) == pytest.approx(
        {AA: 0.5, BB: 0.25, CC: 0.25}
    )


@needs_extra
def test_least_variance_is_that_of_the_closed_form() -> None:
    rng = np.random.default_rng(7)
    returns = rng.normal(0, SPREADS, (LENGTH - 1, 3))
    paths = 100 * np.vstack([np.ones(3), np.cumprod(1 + returns, axis=0)])
    day = with_history(market(), {name: paths[:, i] for i, name in enumerate(NAMES)})
    # The month began 13 sessions before the day's, and shrinkage moves three independent names little.
    window = returns[-13 - 252 : -13]
    inverse = np.linalg.inv(np.cov(window.T)).sum(axis=1)
    assert list(_shares(Weighting.MIN_VARIANCE, day).values()) == pytest.approx(list(inverse / inverse.sum()), abs=0.03)


@needs_extra
def test_the_days_of_the_month_change_nothing() -> None:
    wild = {name: np.append(closes(1 + i, SPREADS[i])[:-5], np.full(5, 1.0 + i)) for i, name in enumerate(NAMES)}
    assert _shares(Weighting.MIN_VARIANCE, with_history(DAY, wild)) == _shares(Weighting.MIN_VARIANCE)


@needs_extra
def test_a_name_without_the_year_counts_as_the_last_of_the_others() -> None:
    short = series(AA, closes(1)[-100:], sessions()[-100:])
    found = _shares(Weighting.RISK_PARITY, market(history={**DAY.history, AA: short}))
    assert found[AA] == found[CC] < found[BB]


@needs_extra
@pytest.mark.parametrize("weighting", OPTIMISERS)
def test_prices_that_no_optimiser_can_use_are_unknown(weighting: Weighting) -> None:
    still = with_history(DAY, dict.fromkeys(NAMES, np.full(LENGTH, 100.0)))
    assert shares(weighting, still, NUMBERS, {}, {}) is None


@needs_extra
def test_unknown_targets_are_told_and_move_nothing() -> None:
    rules = policy(allocation__weighting="min_variance")
    still = {symbol: np.full(LENGTH, 100.0) for symbol in ("AA", "BB", "CC", "DD", "EE", "FF", "GG", "HH", "II", "JJ")}
    found = evaluate(rules, even(), with_history(market(), still))
    assert all(found.targets[number] == weight for number, weight in found.weights.items())
    assert found.metric("targets").note == "min_variance found no weights for all names: nothing is bought there"
    assert all(abs(drift.difference) < 1e-9 for drift in found.drifts)


def test_without_the_extra_the_policy_is_refused_with_what_to_install(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    text = Path("investment_policy/default_policy.yaml").read_text(encoding="utf-8")
    file.write_text(text.replace("weighting: as_held", "weighting: hrp"), encoding="utf-8")
    program = f"import sys, pathlib; sys.modules['cvxpy'] = None; {LOAD}"
    told = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=False)
    assert "allocation.weighting: hrp needs cvxpy" in told.stderr
    assert "pip install 'portfolio-manager[optimise]'" in told.stderr
