"""What is remembered of a gateway over a restart of this process, because the gateway goes on counting.

Two short-lived processes in a row would break a limit that neither of them alone comes near, and what may be asked
once a quarter of an hour must last that long. It saves waiting; it is never the source of a holding or an order.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, ConfigDict, ValidationError

from api_gateway.clientportal.records import Contract, KeptContract, NavHistory, Record

_logger: Final = logging.getLogger(__name__)


class _Kept(Record):
    """`uses` and `penalties` are wall-clock seconds, by limit and by address; `market_now` is None at the real gateway.

    A penalty is kept by address, because nothing may be sent to find out which gateway answers there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    gateway: str = ""
    market_now: AwareDatetime | None = None
    penalties: Mapping[str, float] = {}
    uses: Mapping[str, float] = {}
    performance: Mapping[str, NavHistory] = {}
    contracts: Mapping[str, KeptContract] = {}


class GatewayMemory:
    """Without a path it lasts as long as the process, and so it does with a file that cannot be read or written."""

    def __init__(self, path: Path | None = None, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._loaded: _Kept | None = None

    def recognise(self, gateway: str, market_now: datetime | None) -> None:
        """Forgets what belongs to another gateway; a simulator whose time went back is another one."""
        kept = self._kept
        went_back = kept.market_now is not None and market_now is not None and market_now < kept.market_now
        if kept.gateway != gateway or went_back:
            kept = _Kept(penalties=kept.penalties)
        self._loaded = kept.model_copy(update={"gateway": gateway, "market_now": market_now})

    def ages(self) -> Mapping[str, float]:
        """Seconds since the last use of each limit."""
        return {name: max(0.0, self._now() - used) for name, used in self._kept.uses.items()}

    def use(self, limit: str) -> None:
        self._keep(self._kept.model_copy(update={"uses": {**self._kept.uses, limit: self._now()}}))

    def penalty(self, address: str) -> float:
        """Seconds that are left of the last penalty, 0 when there is none."""
        return max(0.0, self._kept.penalties.get(address, 0.0) - self._now())

    def keep_penalty(self, address: str, seconds: float) -> None:
        self._keep(self._kept.model_copy(update={"penalties": {address: self._now() + seconds}}))

    def performance(self, account: str) -> NavHistory | None:
        return self._kept.performance.get(account)

    def keep_performance(self, account: str, history: NavHistory) -> None:
        self._keep(self._kept.model_copy(update={"performance": {**self._kept.performance, account: history}}))

    def contract(self, symbol: str, asset_class: str) -> KeptContract | None:
        return self._kept.contracts.get(f"{asset_class} {symbol}")

    def keep_contracts(self, contracts: Iterable[Contract], checked: date) -> None:
        fresh = {
            f"{each.asset_class} {each.symbol}": KeptContract(contract=each, checked=checked) for each in contracts
        }
        known = self._kept.contracts
        if any(known.get(key) != kept for key, kept in fresh.items()):
            self._keep(self._kept.model_copy(update={"contracts": {**known, **fresh}}))

    @property
    def _kept(self) -> _Kept:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    def _load(self) -> _Kept:
        if self._path is None:
            return _Kept()
        try:
            return _Kept.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return _Kept()

    def _keep(self, kept: _Kept) -> None:
        self._loaded = kept
        if self._path is None:
            return
        try:
            _replace(self._path, kept.model_dump_json())
        except OSError as error:
            # What only saves the next process a wait is no reason to refuse the work of this one.
            _logger.warning("%s cannot be written: %s", self._path, error.strerror)


def _replace(path: Path, text: str) -> None:
    """In one step, so that a process that dies here leaves the old file whole; for its owner only."""
    fresh = path.with_suffix(".new")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
