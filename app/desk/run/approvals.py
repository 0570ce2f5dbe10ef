"""What only a person may ask for: an approval, a rejection, an exit, a kill level, an explanation, a release."""

import re
from dataclasses import replace
from datetime import timedelta

from app.desk.accounts import Whose, masked, meant
from app.desk.controls.level import spoken
from app.desk.desk import Desk, Progress, silent
from app.desk.records import PROCESS_ENDED, Event, RunRecord, RunStatus
from app.desk.run.attempt import (
    Attempt,
    RunRequest,
    RunResult,
    attempt,
    by_hand,
    carried_out,
    claimed,
    closed,
    journal_of,
)
from app.desk.run.notify import tell
from app.desk.stages.committed_plan import plan_record, restore_plan
from app.desk.stages.decide import intents_of
from app.desk.stages.execute import execute
from app.desk.stages.pipeline import PerformStages, perform_stages
from app.desk.stages.read import read_account
from app.desk.states import AccountRead, Decided, Executed, Run
from app.domain.errors import UsageError
from app.domain.instrument import Instrument
from app.domain.market import Market
from app.domain.order import Order, OrderRule, OrderState, Side
from app.domain.plan import Action, Choice, Plan
from app.domain.policy import Mode, Occasion
from app.domain.sizing import sellable
from app.domain.slots import EXIT_PREFIX
from app.domain.spelling import shortened

MANUAL_EXITS_A_DAY = 9
# It becomes part of the key under which the exit is kept.
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9. _-]{0,23}")


async def approve(
    desk: Desk,
    run_id: str,
    actor: str,
    conduct: PerformStages = perform_stages,
    progress: Progress = silent,
    account: str | None = None,
) -> RunResult:
    """Everything is read and gated anew; sizes may only shrink, and a price that moved too far asks again."""
    spoken(actor, "actor")
    record, tried = await _waiting_run(desk, run_id, account)
    if _expired(desk, record, tried):
        return await _expire(desk, record, tried, f"the approval expired before {actor} gave it", progress)
    asked_prices = await desk.in_thread(desk.ledger.asked_prices, run_id)
    claim = await desk.in_thread(desk.ledger.reopen, run_id, desk.owner, tried.clock.now())
    journal = journal_of(desk, claim, tried.clock)
    journal.add(Event("approved", {"actor": actor}))
    run = tried.run(run_id, journal, claim, progress)
    approved = replace(run, approved=True, asked_prices=asked_prices)

    def ended(run: Run) -> RunStatus:
        return RunStatus.AWAITING_APPROVAL if isinstance(run, Executed) and run.awaiting_approval else RunStatus.DONE

    return await carried_out(desk, approved, conduct, ended)


async def reject(
    desk: Desk, run_id: str, actor: str, reason: str, progress: Progress = silent, account: str | None = None
) -> RunResult:
    """The waiting orders are never sent; the day keeps its run."""
    spoken(reason, "reason")
    spoken(actor, "actor")
    record, tried = await _waiting_run(desk, run_id, account)
    return await _end(desk, record, tried, f"rejected by {actor}: {reason}", progress)


async def exit_position(
    desk: Desk, symbol: str, actor: str, account: str | None = None, progress: Progress = silent
) -> RunResult:
    """Sell all that is held of one name, through the gate, whatever the kill level. Previews where the mode does."""
    if not _SYMBOL.fullmatch(symbol):
        raise UsageError(f"{shortened(symbol)!r} is not a symbol", "`portfolio show` lists what is held")
    spoken(actor, "actor")
    by_hand(desk, account)
    for number in range(1, MANUAL_EXITS_A_DAY + 1):
        slot = f"{EXIT_PREFIX}-{symbol.lower().replace('.', '-').replace(' ', '-')}-{number}"
        tried = await attempt(desk, RunRequest(account, slot))
        run = await claimed(desk, _by_hand(tried), progress)
        if isinstance(run, Run):
            break
        if run.report is None:
            return run
    else:
        raise UsageError(f"{symbol} was sold by hand {MANUAL_EXITS_A_DAY} times today", "Try again tomorrow")

    async def sell(desk: Desk, run: Run) -> Executed:
        return await _sell_all(desk, await read_account(desk, run), symbol.upper(), actor)

    ended = RunStatus.DRY_RUN if run.key.dry_run else RunStatus.DONE
    return await carried_out(desk, replace(run, by_person=True), sell, lambda _: ended)


async def _waiting_run(desk: Desk, run_id: str, account: str | None) -> tuple[RunRecord, Attempt]:
    record = await desk.in_thread(desk.ledger.run, run_id)
    if record is None:
        raise UsageError(f"there is no run {run_id}", "`portfolio runs` lists them")
    book = meant(await desk.in_thread(desk.ledger.books), Whose(account, desk.configured))
    if book.account != record.key.account:
        raise UsageError(f"run {run_id} is not of account {masked(book.account)}", f"Its own is {record.key.account}")
    if record.lease is not None and record.lease.lapsed:
        raise UsageError(f"run {run_id} waits for nobody: {PROCESS_ENDED}", "`portfolio run` goes on with it")
    if record.status is not RunStatus.AWAITING_APPROVAL:
        raise UsageError(f"run {run_id} is {record.status} and waits for nobody", "`portfolio runs` lists them")
    tried = await attempt(desk, RunRequest(record.key.account, record.key.slot))
    if tried.key.book != record.key.book:
        raise UsageError(f"run {run_id} is of another book than the broker's session", "Start the same simulated day")
    # An approval is the person's yes to orders: the policy's own wish to be asked is met by it.
    mode = tried.mode if tried.mode.mode is not Mode.APPROVE else replace(tried.mode, because="a person approved")
    return record, replace(tried, key=record.key, mode=mode)


async def expire_waiting(desk: Desk, tried: Attempt, progress: Progress) -> None:
    """At the day's close nobody can approve any more what waited in it."""
    for record in await desk.in_thread(desk.ledger.runs, 100, tried.key.book):
        if record.status is RunStatus.AWAITING_APPROVAL and record.key.session_date <= tried.key.session_date:
            mine = replace(tried, key=record.key)
            await _expire(desk, record, mine, "nobody approved it before the day's close", progress)


def _expired(desk: Desk, record: RunRecord, tried: Attempt) -> bool:
    since = record.finished_at or record.started_at
    late = tried.clock.now() - since > timedelta(minutes=desk.policy.approval.expires_minutes)
    return late or desk.calendar.local_date(tried.clock.now()) != record.key.session_date


async def _expire(desk: Desk, record: RunRecord, tried: Attempt, note: str, progress: Progress) -> RunResult:
    ended = await _end(desk, record, tried, note, progress)
    await tell(desk, record.key, Occasion.APPROVAL_EXPIRED, f"Run {record.run_id}: {note}", record.run_id)
    return ended


async def _end(desk: Desk, record: RunRecord, tried: Attempt, note: str, progress: Progress) -> RunResult:
    claim = await desk.in_thread(desk.ledger.reopen, record.run_id, desk.owner, tried.clock.now())
    run = tried.run(record.run_id, journal_of(desk, claim, tried.clock), claim, progress)
    for intent in await desk.in_thread(desk.ledger.intents, record.run_id):
        if intent.state is OrderState.PLANNED:
            at = run.clock.now()
            await desk.in_thread(desk.ledger.settle, claim, intent.coid, OrderState.NOT_SENT, at, reason=note)
    return await closed(desk, run, RunStatus.REJECTED, note)


def _by_hand(tried: Attempt) -> Attempt:
    """Approval is implied; a preview stays a preview."""
    if tried.mode.mode is not Mode.APPROVE:
        return tried
    return replace(tried, mode=replace(tried.mode, mode=Mode.AUTO, because="a person asked for it"))


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
    quantity = sellable(portfolio, instrument.conid)
    if quantity <= 0:
        raise UsageError(f"all that can be sold of {symbol} is being sold", "`portfolio show` lists the open orders")
    market = await _market_of(desk, run, instrument)
    order = Order(
        instrument=instrument,
        side=Side.SELL,
        quantity=quantity,
        reference_price=market.quotes[instrument.conid].price,
        reason=f"manual_exit: asked for by {actor}",
        exit=True,
        mandatory=True,
        rules=(OrderRule.MANUAL_EXIT,),
    )
    plan = Plan(Action.HOLD, (order,), f"{actor} asked to leave {symbol}")
    choice = Choice(plan.id, plan.reason, chosen_by=f"person:{actor}")
    decided = Decided(**vars(run), market=market, plan=plan, choice=choice, plans=(plan,))
    if run.claim is not None and not run.key.dry_run:
        await run.journal.flush()
        at = run.clock.now()
        await desk.in_thread(desk.ledger.commit_plan, run.claim, plan_record(plan, choice), intents_of(run, plan), at)
    return await execute(desk, decided)


async def _market_of(desk: Desk, run: Run, instrument: Instrument) -> Market:
    """One name: leaving it needs no more."""
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
