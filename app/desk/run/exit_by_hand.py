"""An exit that a person asks for: all of one name is sold, through the gate, whatever the kill level."""

import re
from dataclasses import replace

from app.desk.controls.level import require_text
from app.desk.desk import Desk, Progress, silent
from app.desk.records import Claim, RunStatus
from app.desk.run.attempt import Attempt, RunRequest, RunResult
from app.desk.run.carry_out import carry_out
from app.desk.run.claim import claim_run
from app.desk.run.close import close_and_tell
from app.desk.run.end import End
from app.desk.run.open_attempt import open_attempt_by_hand
from app.desk.run.unfinished import reconcile_books
from app.desk.stages.committed_plan import plan_record, restore_plan
from app.desk.stages.decide import intents_of
from app.desk.stages.execute import execute
from app.desk.stages.kept_inputs import with_exit_kept
from app.desk.stages.read import read_account
from app.desk.states import AccountRead, Decided, Executed, Run
from app.domain.errors import UsageError
from app.domain.instrument import Instrument
from app.domain.market import Market
from app.domain.policy import Mode
from app.domain.sizing import sellable
from app.domain.slots import exit_slot
from app.domain.spelling import shortened
from app.engine import leave
from app.record.capture import ByHand

MANUAL_EXITS_A_DAY = 9
# It becomes part of the key under which the exit is kept.
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9. _-]{0,23}")


async def exit_position(
    desk: Desk, symbol: str, actor: str, account: str | None = None, progress: Progress = silent
) -> RunResult:
    """Sell all that is held of one name. Previews where the mode does."""
    if not _SYMBOL.fullmatch(symbol):
        raise UsageError(f"{shortened(symbol)!r} is not a symbol", "`portfolio show` lists what is held")
    require_text(actor, "actor")
    run = await _claim_exit(desk, symbol, account, progress)
    if isinstance(run, RunResult):
        return run

    async def sell(desk: Desk, run: Run) -> End:
        reconciled = await reconcile_books(desk, run)
        sold = await _sell_all(desk, await read_account(desk, reconciled), symbol.upper(), actor)
        return End(sold, RunStatus.DRY_RUN if run.key.dry_run else RunStatus.DONE, sold.note)

    return await close_and_tell(desk, await carry_out(desk, replace(run, by_person=True), sell))


async def _claim_exit(desk: Desk, symbol: str, account: str | None, progress: Progress) -> Run | RunResult:
    """Under the first key of the day that no earlier exit of the name holds."""
    for number in range(1, MANUAL_EXITS_A_DAY + 1):
        attempt = await open_attempt_by_hand(desk, RunRequest(account, exit_slot(symbol, number)))
        run = await claim_run(desk, _approved(attempt), progress)
        if isinstance(run, Run) or run.report is None:
            return run
    raise UsageError(f"{symbol} was sold by hand {MANUAL_EXITS_A_DAY} times today", "Try again tomorrow")


def _approved(attempt: Attempt) -> Attempt:
    """Approval is implied; a preview stays a preview."""
    if attempt.mode.mode is not Mode.APPROVE:
        return attempt
    return replace(attempt, mode=replace(attempt.mode, mode=Mode.AUTO, because="a person asked for it"))


async def _sell_all(desk: Desk, run: AccountRead, symbol: str, actor: str) -> Executed:
    portfolio = run.portfolio
    if run.claim is not None and run.claim.plan is not None:
        held = {p.instrument.conid: p.instrument for p in portfolio.positions}
        choice, plan = restore_plan(run.claim.plan, held)
        market = await _market_of(desk, run, plan.orders[0].instrument)
        return await execute(desk, Decided(**vars(run), market=market, plan=plan, choice=choice, plans=(plan,)))
    position = next((p for p in portfolio.positions if p.instrument.symbol == symbol), None)
    if position is None or position.quantity <= 0:
        beside = next((line for line in portfolio.unmanaged if line.symbol == symbol), None)
        if beside is not None:
            raise UsageError(
                f"{symbol} is held and not managed: {beside.reason}", "Sell it in the broker's own program"
            )
        raise UsageError(f"{symbol} is not held", "`portfolio show` lists what is")
    instrument = position.instrument
    if sellable(portfolio, instrument.conid) <= 0:
        raise UsageError(f"all that can be sold of {symbol} is being sold", "`portfolio show` lists the open orders")
    market = await _market_of(desk, run, instrument)
    choice, plan = leave(portfolio, market, instrument, actor)
    decided = Decided(**vars(run), market=market, plan=plan, choice=choice, plans=(plan,))
    decided = with_exit_kept(desk, decided, ByHand(symbol, actor))
    if run.claim is not None and not run.key.dry_run:
        decided = await _commit(desk, decided, run.claim)
    return await execute(desk, decided)


async def _commit(desk: Desk, run: Decided, claim: Claim) -> Decided:
    """The plan, its one order and what it was made of, durable before it is sent."""
    run.journal.keep_to_the_run()
    await run.journal.flush()
    record, intents, at = plan_record(run.plan, run.choice), intents_of(run.key, run.plan), run.clock.now()
    await desk.in_thread(desk.ledger.commit_plan, claim, record, intents, at, (), run.kept)
    return replace(run, kept=None)


async def _market_of(desk: Desk, run: Run, instrument: Instrument) -> Market:
    """Of the one name that is sold."""
    conid, symbol = instrument.conid, instrument.symbol
    quotes, missing = await desk.market_data.quotes((conid,))
    if conid not in quotes:
        raise UsageError(f"{symbol} has no quote: {missing.get(conid, 'none')}", "Sell it in the broker's own program")
    return Market(
        as_of=run.clock.now(),
        session=run.session,
        instruments={conid: instrument},
        quotes=quotes,
        history={},
        index=None,
        vix=None,
        source=run.broker_session.source,
    )
