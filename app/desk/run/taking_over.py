"""How an account would be taken over now, each way beside the others; and the way that a person chooses for it.

Looking claims nothing and records nothing. Choosing changes the mode alone: from what day and prices gains, losses and
drawdown count is on record with the first run and stays.
"""

from datetime import UTC, datetime
from typing import Any

from app.desk.accounts import masked
from app.desk.controls.level import require_text
from app.desk.desk import Desk, Progress, silent
from app.desk.journal import Journal, nowhere
from app.desk.report.adoption import adoption_part
from app.desk.run.attempt import Attempt, RunRequest
from app.desk.run.open_attempt import open_attempt_by_hand
from app.desk.stages.kept_inputs import today_of
from app.desk.stages.read import read_account, read_market
from app.domain.errors import UsageError
from app.domain.policy import AdoptionMode
from app.domain.slots import PREVIEW_SLOT
from app.domain.spelling import shortened
from app.engine.first_contact import mode_outcomes

MODES = ", ".join(mode.value for mode in AdoptionMode)


async def show_taking_over(desk: Desk, account: str | None = None, progress: Progress = silent) -> dict[str, Any]:
    """The account as it is now, whether or not it was taken over before."""
    attempt = await _looking(desk, account)
    run = await read_market(desk, await read_account(desk, attempt.open_run("", Journal(nowhere), progress=progress)))
    use = await desk.in_thread(desk.ledger.day_use, run.key.book, run.key.session_date)
    level = await desk.in_thread(desk.ledger.level, run.key.book)
    part = adoption_part(desk, run, mode_outcomes(today_of(desk, run), use, level.level))
    assert part is not None  # noqa: S101 - an account that is read is taken over, now or before
    return {"account": masked(run.key.account), "currency": run.portfolio.currency, **part.model_dump(mode="json")}


async def choose_mode(desk: Desk, mode: str, reason: str, actor: str, account: str | None = None) -> dict[str, Any]:
    """Before the first run or after it. Raises UsageError for a mode that there is not, a blank reason or name."""
    if mode not in set(AdoptionMode):
        raise UsageError(f"{shortened(mode)!r} is no mode of adoption", f"One of {MODES}")
    require_text(reason, "reason")
    require_text(actor, "actor")
    key = (await _looking(desk, account)).key
    before = await desk.in_thread(desk.ledger.account_record, key.book, key.session_date)
    chosen = AdoptionMode(mode)
    await desk.in_thread(desk.ledger.choose_adoption, key.book, chosen, reason, actor, datetime.now(UTC))
    return {
        "account": masked(key.account),
        "mode": chosen.value,
        "before": (before.adoption_mode or desk.policy.adoption.mode).value,
        "taken_over": None if before.adoption is None else before.adoption.session_date.isoformat(),
        "actor": actor,
        "reason": reason,
    }


async def _looking(desk: Desk, account: str | None) -> Attempt:
    return await open_attempt_by_hand(desk, RunRequest(account, PREVIEW_SLOT, dry_run=True))
