"""What only a person can do about a run that has ended, most pressing first."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from app.desk.desk import Desk
from app.desk.records import RunStatus
from app.desk.report.after import IN_DOUBT
from app.desk.report.targets import RecoveryPart
from app.desk.report.unsettled import line_for, unsettled
from app.desk.states import AccountRead, Decided, Evaluated, MarketRead, OrderResult, Run, evaluation_of
from app.domain.order import OrderState
from app.domain.ruling import KillLevel

RESUME = "`portfolio resume --reason WHY`"
_MODE_SET_BY = "TRADING_MODE"


def needs_of(desk: Desk, run: Run, status: RunStatus, recovery: RecoveryPart | None) -> tuple[str, ...]:
    """Each a sentence with the command that does it."""
    account = run if isinstance(run, AccountRead) else None
    return (
        *_of_ending(desk, run, status),
        *of_orders(run.run_id, run.results),
        *_of_level(run, status),
        *(_of_account(account) if account else ()),
        *(_of_market(desk, run) if isinstance(run, MarketRead) else ()),
        *_of_recovery(recovery),
        *_of_review(desk, run),
    )


def of_status(run_id: str, status: RunStatus, *, resumable: bool = False) -> Iterator[str]:
    """What the end itself asks for, whatever else is known of the run."""
    if status is RunStatus.FAILED or resumable:
        again = "`portfolio run` goes on with what is left of it" if resumable else "then run again"
        yield f"`portfolio doctor` says what is wrong; {again}"
    elif status is RunStatus.NOT_READY:
        yield "log in at the broker (`portfolio doctor` says where), then run again"
    elif status is RunStatus.MISSED:
        yield "nothing is made up for today: start the next day's run in time"


def of_orders(run_id: str, results: Iterable[OrderResult]) -> Iterator[str]:
    """What may or may not be at the broker, and what it did not want."""
    rows = tuple(results)
    unsure = [one for one in rows if one.state in IN_DOUBT]
    asked = [one for one in unsure if one.questions]
    unsure = [one for one in unsure if not one.questions]
    if asked:
        yield f"the broker asked about {_symbols(asked)} and nobody may answer: `portfolio questions`"
    if unsure:
        yield f"see what became of {_symbols(unsure)} at the broker: `portfolio reconcile`"
    rejected = [one for one in rows if one.state == OrderState.REJECTED]
    if rejected:
        yield f"look why the broker rejected {_symbols(rejected)}: the report has its words"


def _symbols(results: Iterable[OrderResult]) -> str:
    return ", ".join(dict.fromkeys(one.order.instrument.symbol for one in results))


def _of_ending(desk: Desk, run: Run, status: RunStatus) -> Iterator[str]:
    if status is RunStatus.AWAITING_APPROVAL:
        until = run.clock.now() + timedelta(minutes=desk.policy.approval.expires_minutes)
        yield (
            f"say yes or no until {until:%H:%M} UTC: `portfolio approve {run.run_id}` or "
            f"`portfolio reject {run.run_id} --reason WHY`"
        )
    elif status is RunStatus.DRY_RUN and run.mode.because.startswith(_MODE_SET_BY):
        yield f"nothing, unless it shall trade: {run.mode.because}, and paper or live would send orders"
    else:
        yield from of_status(run.run_id, status)


def _of_level(run: Run, status: RunStatus) -> Iterator[str]:
    if status is RunStatus.HALTED or run.level.level is KillLevel.HALTED:
        yield f"nothing is sent until a person resumes: find out why it was halted, then {RESUME}"
    elif run.level.level is KillLevel.REDUCING and not run.level.causes:
        yield f"nothing is bought until a person resumes: {RESUME}"


def _of_account(run: AccountRead) -> Iterator[str]:
    if run.unexplained_flow != 0:
        amount = f"{run.unexplained_flow:,.2f} {run.portfolio.currency}"
        yield f"say where {amount} of cash came from or went: `portfolio flow add`"
    for one in run.quarantined:
        yield f"look at {one.symbol} ({one.reason}), then `portfolio release {one.symbol} --reason WHY`"
    if run.first_contact:
        yield "if another way of taking the account over suits you: `portfolio adopt --preview`"


def _of_market(desk: Desk, run: MarketRead) -> Iterator[str]:
    evaluation = evaluation_of(run)
    blocked = [due.symbol for due in (evaluation.exits_due if evaluation else ()) if due.conid in run.market.untradable]
    if blocked:
        names = ", ".join(dict.fromkeys(blocked))
        yield f"an exit of {names} is due and cannot be ordered: sell in the broker's own program"
    rows = unsettled(desk.policy, run.market)
    if rows:
        yield f"sectors are unknown: write {line_for(tuple(row.symbol for row in rows))} into the policy"


def _of_recovery(recovery: RecoveryPart | None) -> Iterator[str]:
    if recovery is not None and recovery.rebased is None and recovery.mark_latest is None:
        yield f"after the fall nothing is bought until a person resumes: {RESUME}"


def _of_review(desk: Desk, run: Run) -> Iterator[str]:
    seen = run.oversight if isinstance(run, Evaluated | Decided) else None
    most = desk.policy.approval.review_after_runs
    if seen is not None and most and seen.runs_since_review >= most:
        yield (f"{seen.runs_since_review} runs have sent orders since a person last looked: look, then {RESUME}")
