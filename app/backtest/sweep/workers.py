"""Where shards are carried out: in this process, in processes beside it, or on a Dask cluster.

A worker that dies costs the shards it was at, which are tried again: twice, the last time alone, so that no shard is
given up for what another one does.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.backtest.sweep.shards import carry_out
from app.domain.errors import PortfolioError, UsageError
from app.settings import is_loopback

TRIES = 3
_ANSWER_SECONDS = 30

Tasks = Mapping[str, str]
"""Address of a shard → its task."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`result` is None where the shard was given up, and `why` says for what."""

    address: str
    result: str | None
    why: str | None = None


Workers = Callable[[Tasks, Path], Iterator[Outcome]]
Carry = Callable[[str, bytes | str], str]


def here(tasks: Tasks, parcel: Path) -> Iterator[Outcome]:
    """One after the other in this process."""
    for address, task in tasks.items():
        yield _attempt(address, task, str(parcel))


def processes(count: int, carry: Carry = carry_out) -> Workers:
    """So many at a time, each a process."""

    def carried(tasks: Tasks, parcel: Path) -> Iterator[Outcome]:
        from joblib.externals.loky import get_reusable_executor

        try:
            yield from _carried(count, tasks, parcel, carry)
        finally:
            # Also of workers that are in the middle of a shard when this one is asked to stop.
            get_reusable_executor().shutdown(wait=True, kill_workers=True)

    return carried


def _carried(count: int, tasks: Tasks, parcel: Path, carry: Carry) -> Iterator[Outcome]:
    left, tries = dict(tasks), dict.fromkeys(tasks, 0)
    while left:
        # A pool that breaks does not say by which shard: whoever was at it twice is tried once more, alone.
        alone = [address for address in left if tries[address] == TRIES - 1]
        batch = {address: left[address] for address in alone[:1] or left}
        begun: list[str] = []
        try:
            for outcome in _pool(count, batch, parcel, begun, carry):
                del left[outcome.address]
                yield outcome
        except BrokenExecutor:
            for address in (one for one in begun if one in left):
                tries[address] += 1
                if tries[address] == TRIES:
                    del left[address]
                    yield Outcome(address, None, f"its worker died {TRIES} times")


def cores() -> int:
    """What this process may use of the machine."""
    # Imported where it is used: it takes longer than most commands.
    from joblib import cpu_count

    return int(cpu_count())


def _pool(count: int, tasks: Tasks, parcel: Path, begun: list[str], carry: Carry) -> Iterator[Outcome]:
    """Raises: BrokenExecutor; then `begun` names what had been handed out."""
    from joblib import Parallel, delayed, parallel_config

    def handed() -> Iterator[Any]:
        for address, task in tasks.items():
            begun.append(address)
            yield delayed(_attempt)(address, task, str(parcel), carry)

    with parallel_config("loky", inner_max_num_threads=1), warnings.catch_warnings():
        # Workers are stopped and started by joblib as it sees fit.
        warnings.simplefilter("ignore", UserWarning)
        # Never in this process, also where one is enough.
        pool = Parallel(n_jobs=max(2, count), return_as="generator_unordered", pre_dispatch=count, batch_size=1)
        yield from pool(handed())


def _attempt(address: str, task: str, parcel: str, carry: Carry = carry_out) -> Outcome:
    try:
        return Outcome(address, carry(task, parcel))
    except PortfolioError as error:
        return Outcome(address, None, str(error))


def cluster(url: str, *, insecure: bool) -> Workers:
    """On the Dask cluster whose scheduler is there. Raises: UsageError."""
    parts = urlsplit(url)
    if parts.scheme not in {"tcp", "tls"} or not parts.hostname:
        raise UsageError(f"--cluster {url} is no address of a scheduler", "Write tcp://HOST:PORT or tls://HOST:PORT")
    if parts.scheme == "tcp" and not is_loopback(parts.hostname) and not insecure:
        raise UsageError(
            f"--cluster {url} is neither encrypted nor asks who is there: whoever reaches it runs code on it",
            "Use tls://, or --insecure where the network is yours alone",
        )
    if find_spec("distributed") is None:
        raise UsageError("Dask is not installed", "Install portfolio-manager[cluster]")

    def carried(tasks: Tasks, parcel: Path) -> Iterator[Outcome]:
        import distributed

        try:
            client = distributed.Client(url, timeout=_ANSWER_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
        except OSError:
            raise UsageError(
                f"no scheduler answers at {url}", "Start `dask scheduler` and `dask worker` there"
            ) from None
        with client:
            yield from _on(client, tasks, parcel)

    return carried


def _on(client: Any, tasks: Tasks, parcel: Path) -> Iterator[Outcome]:  # noqa: ANN401 - Dask has no types
    from distributed import as_completed

    try:
        client.wait_for_workers(1, timeout=_ANSWER_SECONDS)
    except TimeoutError:
        raise UsageError("the cluster has no worker", "Start `dask worker` for its scheduler") from None
    history, left = parcel.read_bytes(), dict(tasks)
    for last in (False,) * (TRIES - 1) + (True,):
        # Anew each time: the workers that had it may be gone.
        sent = client.scatter(history, broadcast=True)
        futures = {
            client.submit(carry_out, task, sent, key=f"{address}-{id(sent)}", retries=0, pure=False): address
            for address, task in left.items()
        }
        for future in as_completed(futures, loop=client.loop):  # type: ignore[no-untyped-call]
            address = futures[future]
            if future.status == "finished":
                yield Outcome(address, future.result())
            elif last or isinstance(_error(future), PortfolioError):
                yield Outcome(address, None, str(_error(future)))
            else:
                continue
            del left[address]
        if not left:
            return


def _error(future: Any) -> BaseException:  # noqa: ANN401 - Dask has no types
    if future.status == "error":
        found: BaseException = future.exception()
        return found
    return UsageError("its worker was lost", "Look at the workers' own output")
