"""How far a run may go: the strictest of request, policy and setting, and which of them it was."""

from app.desk.states import EffectiveMode
from app.domain.errors import UsageError
from app.domain.policy import Mode, Policy
from app.domain.session import BrokerSession


def effective_mode(policy: Policy, trading_mode: str, dry_run: bool, session: BrokerSession) -> EffectiveMode:
    """Preview is always possible. Raises UsageError where paper and live are mixed up."""
    _refuse_mix_up(trading_mode, session)
    voices = [
        (Mode.PREVIEW if dry_run else Mode.AUTO, "the request asks for a dry run"),
        (policy.approval.mode, f"the policy's approval.mode is {policy.approval.mode}"),
        (Mode.PREVIEW if trading_mode == "off" else Mode.AUTO, "TRADING_MODE is off"),
        (Mode.PREVIEW if session.trading_mode == "off" else Mode.AUTO, "TRADING_MODE of the IBKR MCP server is off"),
    ]
    mode, because = min(voices, key=lambda voice: voice[0].rank)
    if mode is Mode.AUTO:
        return EffectiveMode(mode, trading_mode, f"TRADING_MODE is {trading_mode}; request and policy allow it")
    return EffectiveMode(mode, mode.value, because)


def _refuse_mix_up(trading_mode: str, session: BrokerSession) -> None:
    if trading_mode == "live" and session.simulation is not None:
        raise UsageError("TRADING_MODE is live and the broker is a simulator", "Set TRADING_MODE=paper")
    if trading_mode != "off" and session.paper is not None and session.paper != (trading_mode == "paper"):
        kind = "a paper" if session.paper else "a live"
        raise UsageError(
            f"TRADING_MODE is {trading_mode} and the broker's session is {kind} session", "Make the two match"
        )
