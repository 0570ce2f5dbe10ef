"""One HTTP conversation with the gateway: paced, typed errors out of its many failure envelopes.

Reads may be repeated, and identical ones share a request; a mutation is sent once, whatever happens.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2
import stamina

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import (
    CallerNotAllowed,
    CertificateRefused,
    ClientPortalError,
    GatewayDown,
    GatewayRefused,
    LoginRequired,
    Maintenance,
    Malformed,
    NoBridge,
    NotPrimed,
)
from api_gateway.clientportal.flight import Flights
from api_gateway.clientportal.pacing import Pacer
from api_gateway.clientportal.tls import address_refusal, certificate_refusal, trust

# The gateway itself gives up after 10 s with a 503.
_TIMEOUT: Final = httpx2.Timeout(15.0, connect=5.0)
_UNSENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
Params = Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


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
        self._reads: Flights[object] = Flights()

    async def read(self, path: str, params: Params | None = None, *, body: object = None, attempts: int = 3) -> object:
        """Decoded answer of a GET, or of a POST without effect when `body` is given; repeated when the gateway is away.

        A read is shared by whoever asks the same while it is under way, but never by one that asks after a mutation.
        The answer is shared, too: it must not be changed. Raises: ClientPortalError, also for an error that comes with
        status 200.
        """
        key = (self.epoch, path, tuple(sorted((params or {}).items())), json.dumps(body, sort_keys=True), attempts)
        return await self._reads.join(key, lambda: self._read(path, params, body, attempts))

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

    async def _read(self, path: str, params: Params | None, body: object, attempts: int) -> object:
        retries = stamina.retry_context(
            on=_may_pass, attempts=attempts, wait_initial=0.05, wait_max=0.2, wait_jitter=0.0
        )
        async for attempt in retries:
            with attempt:
                return await self._read_once(path, params, body)
        raise AssertionError("the retry context neither returned nor raised")

    async def _read_once(self, path: str, params: Params | None, body: object) -> object:
        answer = await self._exchange("GET" if body is None else "POST", path, params, body)
        if answer.status == 429:
            raise self.pacer.penalise()
        fault = fault_of(answer)
        if fault is not None:
            raise fault
        return wire.decode(answer.body)

    async def _exchange(self, method: str, path: str, params: Params | None, body: object) -> Answer:
        async with self.pacer.slot(method, path):
            try:
                response = await self._http.request(method, path, params=params, json=body)
            except _UNSENT as error:
                raise _unconnected(error) from error
            except httpx2.RequestError as error:
                raise GatewayDown(f"the gateway's answer was lost: {_cause(error)}") from error
            return Answer(response.status_code, response.content)


def _unconnected(error: Exception) -> GatewayDown:
    refused = certificate_refusal(error)
    if refused is not None:
        return CertificateRefused(refused)
    return GatewayDown(f"no connection to the gateway: {_cause(error)}", sent=False)


def _may_pass(error: Exception) -> bool:
    """A refusal of this machine or of the gateway's certificate stays one."""
    return isinstance(error, GatewayDown | Maintenance) and not isinstance(error, CallerNotAllowed | CertificateRefused)


def fault_of(answer: Answer) -> ClientPortalError | None:
    """The failure that an answer stands for, whichever envelope it came in; None for data."""
    message = error_text(answer)
    lowered = (message or "").lower()
    if is_unprimed(message):
        return NotPrimed("the gateway wants its accounts read first")
    if "no bridge" in lowered:
        return NoBridge("the gateway has no brokerage session")
    if answer.status == 401 or 300 <= answer.status < 400 or lowered in _NOT_LOGGED_IN:
        return LoginRequired("the gateway is not logged in")
    return _fault_of_status(answer.status, message)


def is_unprimed(message: str | None) -> bool:
    """The brokerage and the portfolio side each want their own accounts read first."""
    return message is not None and re.search(r"please query /\S*accounts first", message.lower()) is not None


def error_text(answer: Answer) -> str | None:
    """The `error` of an answer with any status; the beginning of a failed answer that is not JSON."""
    if not answer.body.lstrip().startswith((b"{", b"[")):
        return wire.snippet(answer.body) if answer.status >= 300 else None
    try:
        decoded = wire.decode(answer.body)
    except Malformed:
        return wire.snippet(answer.body) if answer.status >= 300 else None
    found = decoded.get("error") if isinstance(decoded, dict) else None
    if found:
        return wire.masked(str(found))
    return wire.snippet(answer.body) if answer.status >= 300 else None


_NOT_LOGGED_IN: Final = ("no session", "not authenticated", "not logged in")


def _fault_of_status(status: int, message: str | None) -> ClientPortalError | None:
    if status == 403:
        return CallerNotAllowed("the gateway denies access to this machine (403)")
    if status in (502, 504):
        return GatewayDown(f"the gateway's answer was lost ({status})")
    if status == 503:
        return Maintenance("the gateway is not available (503)")
    if status >= 300 or message is not None:
        return GatewayRefused(status, message or "no text")
    return None


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__
