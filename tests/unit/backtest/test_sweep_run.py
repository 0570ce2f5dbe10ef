"""Shards of a sweep: the same figures wherever they are carried out, and nothing lost when a worker dies."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.backtest.sweep.run import Collected, Progress, carry_through, store_of
from app.backtest.sweep.shards import address_of, shards
from app.backtest.sweep.workers import Outcome, Tasks, Workers, cluster, here, processes
from app.domain.errors import UsageError
from tests.support import sweeps

pytestmark = pytest.mark.slow

STOPS = "exits.stop_loss_pct=11..16/1"
FOUND = sweeps.around(STOPS)
HISTORY = sweeps.walk()
PARTS = sweeps.parts(HISTORY, FOUND, 2)


def ignore(progress: Progress) -> None:
    """Nobody looks."""


def carried(state: Path, workers: Workers = here, tell: Callable[[Progress], None] = ignore) -> Collected:
    return carry_through(PARTS, HISTORY, store_of(PARTS, state), workers, tell)


def nobody(tasks: Tasks, parcel: Path) -> Iterator[Outcome]:
    raise AssertionError("nothing is left to do")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Mapping[str, Any] | None, ...]]:
    """The sweep in this process, and where it is kept."""
    state = tmp_path_factory.mktemp("alone")
    return state, carried(state).results


Alone = tuple[Path, tuple[Mapping[str, Any] | None, ...]]


def test_every_policy_has_its_result_in_the_order_of_the_grid(alone: Alone) -> None:
    _, results = alone

    assert len(results) == len(FOUND.valid)
    assert len({one["decisions_digest"] for one in results if one}) > 1
    assert all(one is not None and len(one["nav"]) == sweeps.DAYS + 1 for one in results)


def test_what_is_finished_is_used_again_and_a_damaged_or_foreign_shard_is_carried_out_again(alone: Alone) -> None:
    state, results = alone
    assert carried(state, nobody) == replace(carried(state), reused=len(PARTS))

    first, second, *_ = (state / "sweeps").glob("*/shards/*.json")
    first.write_bytes(first.read_bytes()[:100])
    second.write_text(json.dumps({"address": "another", "result": {}}))
    again = carried(state)

    assert again.reused == len(PARTS) - 2
    assert again.results == results


def test_a_shard_has_another_address_wherever_anything_that_it_depends_on_is_another() -> None:
    ground = sweeps.ground(HISTORY)
    others = [
        ground,
        replace(ground, seed=1),
        replace(ground, last=HISTORY.dates[-2]),
        replace(ground, assumptions=replace(ground.assumptions, lag=2)),
        replace(ground, history=replace(HISTORY, closes=HISTORY.closes * 2)),
        replace(ground, book=ground.book.changed(cash=())),
    ]
    addresses = {shards(one, FOUND.valid, 50)[0].address for one in others}

    assert len(addresses) == len(others)
    assert address_of({"a": 1, "b": 2}) == address_of({"b": 2, "a": 1})


def test_a_worker_of_another_version_refuses(tmp_path: Path) -> None:
    part = PARTS[0]
    told = {**json.loads(part.task), "code": "older"}
    other = replace(part, task=json.dumps(told))

    found = carry_through([other], HISTORY, store_of([other], tmp_path), here, ignore)

    assert set(found.results) == {None}
    assert "another version" in found.failures[0].why


def test_no_address_that_may_hold_a_password_goes_to_a_worker() -> None:
    urls = ["mailto://user:secret@example.org"]
    base = replace(FOUND.base, values={**FOUND.base.values, "notifications": {"urls": urls}})

    assert "secret" not in shards(sweeps.ground(HISTORY), [base])[0].task


@pytest.mark.slow
def test_two_processes_give_the_same_as_one(alone: Alone, tmp_path: Path) -> None:
    assert carried(tmp_path, processes(2)).results == alone[1]


@pytest.mark.long
def test_a_process_that_is_killed_costs_nothing_but_time(alone: Alone, tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_one(progress: Progress) -> None:
        if progress.done and not killed:
            victim = workers_of(psutil.Process())[0]
            killed.append(victim.pid)
            victim.kill()

    found = carried(tmp_path, processes(2), kill_one)

    assert killed
    assert found.failures == ()
    assert found.results == alone[1]


@pytest.mark.long
def test_a_shard_that_kills_its_worker_is_tried_three_times_and_named_and_costs_no_other(
    alone: Alone, tmp_path: Path
) -> None:
    found = carried(tmp_path, processes(2, sweeps.fatal))

    (failure,) = found.failures
    assert failure.why == "its worker died 3 times"
    tried = [FOUND.valid[n].policy.exits.stop_loss for n in failure.policies]
    assert 0.13 in tried
    assert [one for one in found.results if one] == [one for n, one in enumerate(alone[1]) if n not in failure.policies]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("tcp://cluster.example:8786", "--insecure"),
        ("tcp://192.0.2.7:8786", "--insecure"),
        ("http://127.0.0.1:8786", "tcp://HOST:PORT"),
        ("127.0.0.1:8786", "tcp://HOST:PORT"),
        ("inproc://127.0.0.1", "tcp://HOST:PORT"),
    ],
)
def test_a_cluster_in_the_open_is_refused_and_so_is_what_is_no_scheduler(url: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        cluster(url, insecure=False)


def test_a_cluster_in_the_open_is_taken_where_that_is_wanted_and_an_encrypted_one_always() -> None:
    cluster("tcp://192.0.2.7:8786", insecure=True)
    cluster("tls://cluster.example:8786", insecure=False)


@pytest.mark.long
def test_a_dask_cluster_gives_the_same_as_one_process_also_when_one_of_its_workers_is_killed(
    alone: Alone, tmp_path: Path
) -> None:
    with two_workers() as (url, pids):

        def kill_one(progress: Progress) -> None:
            if progress.done and len(pids) == 2:
                psutil.Process(pids.pop()).kill()

        found = carried(tmp_path, cluster(url, insecure=False), kill_one)

    assert len(pids) == 1
    assert found.failures == ()
    assert found.results == alone[1]


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    return [one for one in process.children(recursive=True) if "loky" in " ".join(one.cmdline())]


@contextmanager
def two_workers() -> Iterator[tuple[str, list[int]]]:
    """A scheduler's address on loopback, and the processes that work for it."""
    distributed = import_module("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as local:
        yield local.scheduler_address, [nanny.pid for nanny in local.workers.values()]
