"""One HTTP conversation with the gateway: paced, typed errors out of its many failure envelopes.

Reads may be repeated, and identical ones share a request; a mutation is sent once, whatever happens.
"""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

import httpx2
import stamina

from api_gateway.clientportal import other_programs, wire
from api_gateway.clientportal.answers import Answer, fault_of
from api_gateway.clientportal.errors import (
    AnotherProgram,
    BrokerUnreachable,
    CallerNotAllowed,
    CertificateRefused,
    ClientPortalError,
    GatewayDown,
    GatewayRefused,
    Maintenance,
    Malformed,
)
from api_gateway.clientportal.pacing import Pacer
from api_gateway.clientportal.shared_calls import SharedCalls
from api_gateway.clientportal.tls import address_refusal, certificate_refusal, trust

# The gateway itself gives up after 10 s with a 503.
_TIMEOUT: Final = httpx2.Timeout(15.0, connect=5.0)
_UNSENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
# Whether the session can be used is asked again soon, and somebody waits for the answer.
SESSION_SECONDS: Final = 6.0
_DOOR_SECONDS: Final = 2.0
Params = Mapping[str, str]


def base_url(url: str) -> str:
    """The gateway's API root; `url` is taken with or without `/v1/api`."""
    root = url.rstrip("/")
    return root if root.endswith("/v1/api") else f"{root}/v1/api"


def open_http(url: str, ca_file: Path | None = None, fingerprint: str | None = None) -> httpx2.AsyncClient:
    """One pool to the gateway, whose certificate is always verified: see `tls.trust`.

    Raises: ValueError for an address that would carry the session in clear over a network, and see `tls.trust`.
    """
    refusal = address_refusal(url)
    if refusal is not None:
        raise ValueError(refusal)
    # The environment's proxies are for the internet, not for a gateway on loopback or a private network.
    return httpx2.AsyncClient(
        base_url=base_url(url), verify=trust(ca_file, fingerprint), timeout=_TIMEOUT, trust_env=False
    )


class Transport:
    """`epoch` counts the mutations: what was read under an older one may not know of the last."""

    def __init__(self, http: httpx2.AsyncClient, pacer: Pacer) -> None:
        self.pacer = pacer
        self.epoch = 0
        self._http = http
        self._reads: SharedCalls[object] = SharedCalls()

    async def read(
        self,
        path: str,
        params: Params | None = None,
        *,
        body: object = None,
        attempts: int = 3,
        seconds: float | None = None,
    ) -> object:
        """Decoded answer of a GET, or of a POST without effect when `body` is given; repeated when the gateway is away.

        `seconds` bounds one answer, also one that trickles in; what did not come in time is not asked for again. A
        read is shared by whoever asks the same while it is under way, but never by one that asks after a mutation.
        The answer is shared, too: it must not be changed. Raises: ClientPortalError, also for an error that comes with
        status 200.
        """
        asked = (path, tuple(sorted((params or {}).items())), json.dumps(body, sort_keys=True))
        key = (self.epoch, asked, attempts, seconds)
        return await self._reads.share(key, lambda: self._read(path, params, body, attempts, seconds))

    async def introduction(self) -> object:
        """What the gateway says of its session: the one answer by which it is told from other programs.

        Asked once. Raises: ClientPortalError; AnotherProgram also for an answer that no gateway gives, and
        BrokerUnreachable where the gateway answers by itself and not for the broker.
        """
        try:
            answer = await self._exchange("POST", "/iserver/auth/status", None, {}, SESSION_SECONDS)
            fault = self._fault_of(answer)
            if fault is None or isinstance(fault, GatewayRefused | CallerNotAllowed):
                fault = other_programs.impostor(answer.status, answer.body, answer.headers) or fault
            if fault is not None:
                raise fault
            return wire.decode(answer.body) or _nothing()
        except ClientPortalError as error:
            raise await self.explain(error) from error

    async def explain(self, error: ClientPortalError) -> ClientPortalError:
        """Why the session could not be read: a gateway that still answers by itself runs, and need not be started."""
        is_told = isinstance(error, CallerNotAllowed | AnotherProgram | BrokerUnreachable)
        is_lost = isinstance(error, GatewayDown) and error.sent
        if is_told or not (is_lost or isinstance(error, GatewayRefused | Malformed)):
            return error
        if not await self._answers_by_itself():
            return error
        where = self._http.base_url.netloc.decode()
        return BrokerUnreachable(
            f"the gateway at {where} runs, and Interactive Brokers behind it does not answer: {error}"
        )

    async def ask(self, path: str, body: object) -> Answer:
        """One POST without effect, sent once; the answer is the caller's to classify.

        Raises: GatewayDown; PacingViolation, also for a 429.
        """
        answer = await self._exchange("POST", path, None, body)
        if answer.status == 429:
            raise self.pacer.penalise()
        return answer

    async def send(self, method: str, path: str, body: object = None) -> Answer:
        """One mutation, sent once; the answer is the caller's to classify, a 429 too.

        Raises: GatewayDown with `sent` telling whether a byte can have left; PacingViolation before anything is sent.
        """
        try:
            answer = await self._exchange(method, path, None, body)
        finally:
            # At the end, because a read that began meanwhile may have been answered before the effect.
            self.epoch += 1
        if answer.status == 429:
            self.pacer.penalise()
        return answer

    async def _read(
        self, path: str, params: Params | None, body: object, attempts: int, seconds: float | None
    ) -> object:
        retries = stamina.retry_context(
            on=_may_pass, attempts=attempts, wait_initial=0.05, wait_max=0.2, wait_jitter=0.0
        )
        async for attempt in retries:
            with attempt:
                return await self._read_once(path, params, body, seconds)
        raise AssertionError("the retry context neither returned nor raised")

    async def _read_once(self, path: str, params: Params | None, body: object, seconds: float | None) -> object:
        answer = await self._exchange("GET" if body is None else "POST", path, params, body, seconds)
        fault = self._fault_of(answer)
        if fault is not None:
            raise fault
        return wire.decode(answer.body)

    def _fault_of(self, answer: Answer) -> ClientPortalError | None:
        return self.pacer.penalise() if answer.status == 429 else fault_of(answer)

    async def _exchange(
        self, method: str, path: str, params: Params | None, body: object, seconds: float | None = None
    ) -> Answer:
        async with self.pacer.slot(method, path):
            try:
                async with asyncio.timeout(seconds):
                    response = await self._http.request(method, path, params=params, json=body)
            except _UNSENT as error:
                raise _unconnected(error) from error
            except httpx2.RequestError as error:
                silent = isinstance(error, httpx2.TimeoutException)
                raise GatewayDown(f"the gateway's answer was lost: {_cause(error)}", silent=silent) from error
            except TimeoutError as error:
                raise GatewayDown(f"no answer came within {seconds:g} s", silent=True) from error
            return Answer(response.status_code, response.content, response.headers)

    async def _answers_by_itself(self) -> bool:
        """Whether the gateway's own front page, for which it needs nobody, is there."""
        try:
            async with asyncio.timeout(_DOOR_SECONDS):
                answer = await self._http.get(self._http.base_url.join("/"))
        except (httpx2.RequestError, TimeoutError):
            return False
        stranger = other_programs.refusal(answer.status_code, answer.content, answer.headers)
        return answer.status_code < 400 and stranger is None


def _nothing() -> NoReturn:
    raise Malformed("it tells nothing of its session")


def _unconnected(error: Exception) -> GatewayDown:
    refused = certificate_refusal(error)
    if refused is not None:
        return CertificateRefused(refused)
    return GatewayDown(
        f"no connection to the gateway: {_cause(error)}",
        sent=False,
        remedy="Start the gateway, or correct IBKR_GATEWAY_URL; `portfolio doctor` looks closer.",
    )


def _may_pass(error: Exception) -> bool:
    """A refusal of this machine or of the gateway's certificate stays one, and a silence was waited for already."""
    if isinstance(error, CallerNotAllowed | CertificateRefused | AnotherProgram):
        return False
    return isinstance(error, Maintenance) or (isinstance(error, GatewayDown) and not error.silent)


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__
