"""`portfolio replay`: a run's day decided again from what is kept of it alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from app.commands.output import JsonOption, StateOption, opened_ledger, print_json, settings_of
from app.desk.records import IntentRecord, RunKey
from app.desk.run_names import run_meant
from app.desk.stages.decide import intents_of
from app.desk.stages.kept_inputs import code_version
from app.domain.errors import RecordError, UsageError
from app.domain.order import Side
from app.domain.plan import Plan
from app.ledger.sql_ledger import SqlLedger
from app.record.chunks import gather
from app.record.compare import Difference, first_difference
from app.record.replay import decide_again, plan_of, read


@dataclass(frozen=True, slots=True)
class Replay:
    """`difference` is None where everything came out equal; `same_code`: by what decided it then."""

    root: str
    chunks: int
    orders: int
    same_code: bool
    difference: Difference | None


def replay(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide a run's day again from what is kept of it alone; status 1 where anything comes out differently."""
    with opened_ledger(settings_of(state)) as ledger:
        run_id = run_meant(ledger, run_id).run_id
        found = _replay(ledger, run_id)
    differs = found.difference
    if as_json:
        print_json(
            {
                "run": run_id,
                "equal": differs is None,
                "root": found.root,
                "chunks": found.chunks,
                "orders": found.orders,
                "same_code": found.same_code,
                "difference": None
                if differs is None
                else {"path": differs.path, "kept": differs.kept, "recomputed": differs.again},
            }
        )
    elif differs is None:
        what = f"evaluation, plans, rulings, choice and {found.orders} orders"
        typer.echo(f"{run_id}: equal: {what}, from {found.chunks} chunks")
    else:
        typer.echo(f"{run_id}: differs at {differs.path}: kept {differs.kept}, recomputed {differs.again}")
        if not found.same_code:
            typer.echo("It was decided by other code than this: install the version that decided it to see them agree")
    if differs is not None:
        raise typer.Exit(1)


def _replay(ledger: SqlLedger, run_id: str) -> Replay:
    run, root = ledger.run(run_id), ledger.kept_root(run_id)
    if run is None:
        raise UsageError(f"there is no run {run_id}", "`portfolio runs` lists them")
    if root is None:
        raise UsageError(
            f"nothing is kept of what run {run_id} decided on",
            "It decided nothing, could keep nothing, or is of an earlier version; `portfolio show` has its report",
        )
    kept = gather(ledger.chunks, root)
    try:
        record = read(kept)
        again = decide_again(record.inputs)
    except RecordError as error:
        raise RecordError(
            f"run {run_id} cannot be replayed: {error.cause}", "Run `portfolio audit verify`, and restore a backup"
        ) from error
    differs = first_difference(record.outcome, again)
    committed = _ids(ledger.intents(run_id))
    if differs is None and committed:
        differs = first_difference(committed, _ids_of(run.key, plan_of(record.inputs, again)), "orders")
    orders = len(plan_of(record.inputs, record.outcome).orders)
    return Replay(root, len(kept.chunks), orders, record.told.code == code_version(), differs)


def _ids(committed: Sequence[IntentRecord]) -> list[object]:
    """Of the orders that the ledger has; how many shares were sent the day's last quote may have made fewer."""
    return [_id(one.coid, one.conid, one.side, one.leg) for one in committed]


def _ids_of(key: RunKey, plan: Plan) -> list[object]:
    """Of the orders that follow from the plan that was recomputed."""
    return [_id(one.coid, one.order.instrument.conid, one.order.side, one.order.leg) for one in intents_of(key, plan)]


def _id(coid: str, conid: int, side: Side, leg: int) -> object:
    return {"coid": coid, "conid": conid, "side": side.value, "leg": leg}
