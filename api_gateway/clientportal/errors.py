"""What can go wrong between this process and the brokerage session, by what to do next.

* ClientPortalError
  + GatewayDown             nothing usable answered: TCP, TLS, time-out, empty reply
    - CallerNotAllowed      404 or 403: the gateway does not accept this machine
    - CertificateRefused    the gateway is not proven to be the one it should be; nothing was sent
    - AnotherProgram        something else answers at the gateway's address; its remedy depends on what
    - BrokerUnreachable     the gateway runs, and the broker behind it does not answer
  + SessionError            the gateway answers, the session cannot be used
    - LoginRequired         a person logs in
    - NoBridge              the brokerage tier is missing
    - Competing             the same user is logged in elsewhere
    - Maintenance           503, daily reset
    - NotPrimed             the gateway wants its priming reads first
    - SimulatorRefused      live mode met a simulator
  + PacingViolation         429 was answered, or the wait would be longer than a call may take
  + GatewayRefused          any other refusal; carries status and text
  + DataUnavailable         the answer is well formed and does not hold what was asked
    - Malformed             the answer has not the documented shape
    - Incomplete            a cold read stayed empty
    - UnknownOrder          the broker does not know the order id
  + AccountNotAllowed       the account is not among those this server may use

An error never stands for data, and no message carries an account id or a token.
"""

from enum import StrEnum
from typing import ClassVar


class State(StrEnum):
    """State of the brokerage session."""

    DOWN = "DOWN"
    LOGIN_REQUIRED = "LOGIN_REQUIRED"
    NO_BRIDGE = "NO_BRIDGE"
    COMPETING = "COMPETING"
    READY = "READY"
    MAINTENANCE = "MAINTENANCE"


class ClientPortalError(Exception):
    """`str()` is the cause; `remedy` is one sentence for the person who can act."""

    remedy: str = "Read the gateway's log."
    state: ClassVar[State] = State.DOWN


class GatewayDown(ClientPortalError):
    """`sent` is False only when no byte of the request can have left; `silent` when the time ran out."""

    remedy = "Look at the gateway's log and at its machine's internet connection; `portfolio doctor` looks closer."

    def __init__(self, cause: str, *, sent: bool = True, silent: bool = False, remedy: str | None = None) -> None:
        super().__init__(cause)
        self.sent, self.silent = sent, silent
        self.remedy = remedy or self.remedy


class CallerNotAllowed(GatewayDown):
    remedy = (
        "Add this machine's address, or that of the proxy or container network in between, to ips.allow in the "
        "gateway's conf.yaml and restart the gateway."
    )


class CertificateRefused(GatewayDown):
    remedy = (
        "`portfolio doctor` shows the line IBKR_CERT_SHA256=… that pins it, to be compared on the gateway's machine; "
        "IBKR_CA_FILE is for an authority of your own."
    )

    def __init__(self, cause: str) -> None:
        super().__init__(cause, sent=False)


class AnotherProgram(GatewayDown):
    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause, remedy=remedy)


class BrokerUnreachable(GatewayDown):
    remedy = (
        "The gateway need not be started: check its machine's internet connection, its log and Interactive Brokers' "
        "system status, and try again."
    )


class SessionError(ClientPortalError):
    remedy = "Check the brokerage session."


class LoginRequired(SessionError):
    remedy = "Log in to the gateway in a browser on the gateway's machine."
    state = State.LOGIN_REQUIRED


class NoBridge(SessionError):
    remedy = "Wait for the brokerage session to be opened, or log in to the gateway again."
    state = State.NO_BRIDGE


class Competing(SessionError):
    remedy = "Log out of TWS, the mobile app or the web portal, or wait until that session ends."
    state = State.COMPETING


class Maintenance(SessionError):
    remedy = "Wait for the broker's maintenance to end and try again."
    state = State.MAINTENANCE


class NotPrimed(SessionError):
    remedy = "Try again: the session is primed on the next call."
    state = State.NO_BRIDGE


class SimulatorRefused(SessionError):
    remedy = "Point IBKR_GATEWAY_URL at the real gateway, or set TRADING_MODE to paper or off."


class PacingViolation(ClientPortalError):
    """`seconds` until a request is allowed again."""

    remedy = "Wait for the limit to pass; more requests lengthen the penalty."
    state = State.MAINTENANCE

    def __init__(self, cause: str, seconds: float) -> None:
        super().__init__(cause)
        self.seconds = seconds


class GatewayRefused(ClientPortalError):
    remedy = "Correct the request; repeating it unchanged gives the same answer."

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"the gateway refused with status {status}: {text}")
        self.status = status
        self.text = text


class DataUnavailable(ClientPortalError):
    remedy = "Try again in a moment; treat the datum as missing until then."


class Malformed(DataUnavailable):
    remedy = "Treat the datum as missing and report the answer's shape: the gateway may have changed."


class Incomplete(DataUnavailable):
    pass


class UnknownOrder(DataUnavailable):
    remedy = "Read the order report: the gateway forgets the status of aged orders."


class AccountNotAllowed(ClientPortalError):
    remedy = "List the account in IBKR_ACCOUNT_ID and check that the login can see it."
