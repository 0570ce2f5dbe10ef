"""`portfolio questions`: what the broker asked about orders, and what each question that it documents means."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.commands.output import JsonOption, StateOption, opened_ledger, print_json, settings_of
from app.desk.records import IntentRecord
from app.desk.report.question import question_part
from app.domain.policy import Policy
from app.domain.questions import DOCUMENTED, Documented
from app.settings import Settings, read_policy

Row = Mapping[str, Any]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1000, help="Newest orders that were asked about.")]


def show(state: StateOption = None, limit: LimitOption = 20, as_json: JsonOption = False) -> None:
    """What the broker asked before it took orders, and every question that it documents, in plain words."""
    settings = settings_of(state)
    policy, _ = read_policy(settings.policy_file)
    asked = [row for intent in _asked(settings, limit) for row in _rows(intent)]
    documented = [_explained(one, policy) for one in DOCUMENTED.values()]
    if as_json:
        print_json({"form": 1, "asked": asked, "documented": documented})
        return
    console = Console()
    _show_asked(console, asked)
    _show_documented(console, documented)


def _asked(settings: Settings, limit: int) -> tuple[IntentRecord, ...]:
    """None where there is no ledger yet: the documents explain themselves without one."""
    if settings.database_url is None and not settings.ledger_file.exists():
        return ()
    with opened_ledger(settings) as ledger:
        return ledger.asked(limit)


def _rows(intent: IntentRecord) -> list[dict[str, Any]]:
    order = {
        "session_date": intent.session_date.isoformat(),
        "run_id": intent.run_id,
        "coid": intent.coid,
        "symbol": intent.symbol,
        "side": intent.side.value,
        "quantity": f"{intent.quantity:f}",
        "state": intent.state.value,
    }
    return [{**order, **question_part(one, intent.state.value).model_dump(mode="json")} for one in intent.questions]


def _explained(one: Documented, policy: Policy) -> dict[str, Any]:
    in_policy = one.id in policy.execution.answer_questions
    most = policy.execution.answer_questions.get(one.id)
    return {
        "id": one.id,
        "meaning": one.meaning,
        "confirmed_by_default": one.by_default,
        "policy_may_confirm": one.bound is not None,
        "bound": None if one.bound is None else one.bound.value,
        "policy_confirms": in_policy,
        "policy_maximum": None if most is None else f"{most:f}",
    }


def _show_asked(console: Console, asked: Sequence[Row]) -> None:
    if not asked:
        console.print(Text("The broker has asked nothing that is on record."))
        return
    console.print(Text("What the broker asked", style="bold"))
    for row in asked:
        order = f"{row['session_date']}  {row['side']} {row['quantity']} {row['symbol']}, {row['state']}"
        ids, answer = ", ".join(row["ids"]) or "no id", "confirmed" if row["answered"] else "left unanswered"
        console.print(Text(f"{order}: {ids}, {answer}"))
        lines = [row["text"] or "(without a text)", row["meaning"], row["why"], row["advice"]]
        for line in lines:
            if line:
                console.print(Text(f"    {line}"))


def _show_documented(console: Console, documented: Sequence[Row]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("id", "what it means", "confirmed", "the policy may confirm it"):
        table.add_column(column, overflow="fold")
    for row in documented:
        by = "always" if row["confirmed_by_default"] else "by the policy" if row["policy_confirms"] else "no"
        most = f" (at most {row['policy_maximum']})" if row["policy_maximum"] else ""
        table.add_row(Text(row["id"]), Text(row["meaning"]), Text(f"{by}{most}"), Text(row["bound"] or "never"))
    console.print(Text("\nThe questions that the broker documents", style="bold"))
    console.print(table)
    console.print(Text("Whatever is not in this table stays unanswered: it costs that order, and the day goes on."))
