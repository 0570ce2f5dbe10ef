"""What the broker says that a contract is, read in parts that fit into an address and kept for the session date.

Only a resolved symbol is confirmed by an answer of its own moment (`read`); whoever asks what kind of thing a contract
is, in which currency and industry, is served with today's (`kept`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import DataUnavailable, GatewayRefused, Malformed
from api_gateway.clientportal.session import Session
from api_gateway.clientportal.transport import Transport

# As many as stand in an address of reasonable length.
_MOST_ASKED: Final = 100
_EXCHANGE_TIME: Final = ZoneInfo("America/New_York")
Item = TypeVar("Item")


class Definitions:
    """Of one gateway. A contract that it does not define has an empty row."""

    def __init__(self, transport: Transport, session: Session) -> None:
        self._transport = transport
        self._session = session
        self._rows: dict[int, tuple[date, wire.Row]] = {}
        self._pages: dict[int, tuple[date, wire.Row]] = {}

    @property
    def today(self) -> date:
        """The date of the exchange."""
        return self._session.market_now().astimezone(_EXCHANGE_TIME).date()

    async def read(self, conids: Iterable[int]) -> dict[int, wire.Row]:
        """By conid, asked anew; one that the broker does not know, or contradicts, is absent."""
        found: dict[int, wire.Row] = {}
        wanted = list(conids)
        for asked in in_parts(wanted):
            params = {"conids": ",".join(str(conid) for conid in asked)}
            answer = wire.mapping(await self._read("/trsrv/secdef", params), "definitions")
            found |= _by_conid(answer.get("secdef"))
        self._rows |= {conid: (self.today, found.get(conid, {})) for conid in wanted}
        return found

    async def kept(self, conids: Iterable[int]) -> dict[int, wire.Row]:
        """By conid, asked once per session date. An older answer serves while there is no new one.

        Raises: GatewayRefused, DataUnavailable where nothing older is known of one of them.
        """
        wanted, today = list(dict.fromkeys(conids)), self.today
        new = [conid for conid in wanted if conid not in self._rows or self._rows[conid][0] != today]
        try:
            await self.read(new)
        except (GatewayRefused, DataUnavailable):
            if not all(self._rows.get(conid, (today, {}))[1] for conid in new):
                raise
        return {conid: self._rows[conid][1] for conid in wanted}

    async def info(self, conid: int) -> wire.Row:
        """The contract's own page, read once per session date. Raises: Malformed for another's."""
        kept = self._pages.get(conid)
        if kept is None or kept[0] != self.today:
            row = wire.mapping(await self._read(f"/iserver/contract/{conid}/info"), "contract info")
            if row.get("con_id") is not None and wire.conid(row["con_id"]) != conid:
                raise Malformed("contract info: the answer is another contract's")
            kept = self._pages[conid] = (self.today, row)
        return kept[1]

    async def _read(self, path: str, params: Mapping[str, str] | None = None) -> object:
        return await self._session.run_primed(lambda: self._transport.read(path, params))


def in_parts(asked: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(asked), _MOST_ASKED):
        yield asked[start : start + _MOST_ASKED]


def _by_conid(told: object) -> dict[int, wire.Row]:
    """A row that cannot be told whose, and two that contradict each other, say nothing of the others."""
    found: dict[int, wire.Row] = {}
    contradicted: set[int] = set()
    for row in wire.rows(told, "definitions"):
        try:
            conid = wire.conid(row.get("conid"))
        except Malformed:
            continue
        if found.setdefault(conid, row) != row:
            contradicted.add(conid)
    return {conid: row for conid, row in found.items() if conid not in contradicted}
