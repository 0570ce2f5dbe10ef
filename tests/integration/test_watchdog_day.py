"""Twenty-four hours with a strict gateway, in virtual time: what is said is true, and what can be mended is mended."""

import random

import pytest

from tests.integration.watched_day import Day, day
from tests.support.thinning import thin
from tests.support.virtual_time import run


async def lived(seed: int) -> Day:
    # The watchdog's jitter is drawn from the shared source.
    state = random.getstate()
    random.seed(seed)
    try:
        async with day(seed) as one:
            await one.live()
    finally:
        random.setstate(state)
    return one


@pytest.mark.parametrize("seed", thin([1, 2], 2))
def test_a_day_of_losses_resets_and_rivals_is_told_truly_and_mended(seed: int) -> None:
    one = run(lived(seed))
    assert one.wrong == []
    assert one.probes > 100
    assert len(one.happened) > 15
    assert {notice.state for _, notice in one.told} >= {"LOGIN_REQUIRED", "READY"}


@pytest.mark.long
def test_a_day_can_be_repeated() -> None:
    first, second = (run(lived(3)) for _ in range(2))
    assert first.wrong == []
    assert first.samples == second.samples
    assert [(when, notice.title) for when, notice in first.told] == [(when, n.title) for when, n in second.told]
