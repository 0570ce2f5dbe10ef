"""Any gateway endpoint, for callers that name it themselves: paced, with typed errors, its answer as it came.

Reads may be repeated; what changes anything is sent once. A path that was put together from a caller's words and is not
made of plain segments is never sent.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from api_gateway.clientportal import wire
from api_gateway.clientportal.answers import fault_of
from api_gateway.clientportal.errors import ClientPortalError, Incomplete
from api_gateway.clientportal.session import Session
from api_gateway.clientportal.transport import Transport

Verb = Literal["GET", "POST", "DELETE"]
_PLAIN_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_-]+)+")
_PAUSE_SECONDS: Final = 0.25


@dataclass(frozen=True)
class Request:
    """`body` is JSON; a GET has none. Raises: ValueError for a path with anything but plain segments."""

    verb: Verb
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: object = None

    def __post_init__(self) -> None:
        if not _PLAIN_PATH.fullmatch(self.path):
            raise ValueError("the path of a gateway request is made of plain segments")


class RawCalls:
    def __init__(self, transport: Transport, session: Session) -> None:
        self._transport = transport
        self._session = session

    async def read(self, request: Request, *, attempts: int = 3) -> object:
        """The decoded answer on a primed session. `attempts` bounds the repetitions while the gateway is away.

        Raises: ClientPortalError, also for an error that comes with status 200.
        """
        return await self._session.run_primed(lambda: self.look(request, attempts=attempts))

    async def look(self, request: Request, *, attempts: int = 1) -> object:
        """The same without asking for a session: for the endpoints that tell about it."""
        body = request.body if request.verb == "GET" else request.body or {}
        return await self._transport.read(request.path, request.params or None, body=body, attempts=attempts)

    async def settle(
        self,
        request: Request,
        is_warm: Callable[[object], bool],
        cold: str,
        *,
        times: int = 3,
        forgiven: Callable[[ClientPortalError], bool] = lambda _: False,
    ) -> object:
        """Reads until the answer is warm; `forgiven` errors count as cold, too. Raises: Incomplete(cold)."""
        for attempt in range(times):
            if attempt:
                await self.pause(_PAUSE_SECONDS)
            try:
                answer = await self.read(request)
            except ClientPortalError as error:
                if not forgiven(error) or attempt == times - 1:
                    raise
            else:
                if is_warm(answer):
                    return answer
        raise Incomplete(cold)

    async def send(self, request: Request) -> object:
        """Sends something that has an effect, once. Raises: ClientPortalError; with GatewayDown, see its `sent`."""
        answer = await self._transport.send(request.verb, request.path, request.body)
        if answer.status == 429:
            raise self._transport.pacer.penalise()
        fault = fault_of(answer)
        if fault is not None:
            raise fault
        return wire.decode(answer.body)

    async def pause(self, seconds: float) -> None:
        """Waits `seconds` of the gateway's time."""
        await self._transport.pacer.pause(seconds)
