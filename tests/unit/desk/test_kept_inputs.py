"""Whatever a claimed run decided on is kept with its plan, or with its close, and is decided again from that alone."""

import asyncio
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from app.decision.asking import choice_of
from app.desk.ports import ModelUse, Offer
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.run.exit_by_hand import exit_position
from app.domain.plan import Action, Choice, Exchange
from app.domain.policy import Mode
from app.record.chunks import KeptInputs, gather
from app.record.compare import first_difference
from app.record.replay import Record, decide_again, read
from tests.support.fakes import FakeChooser, Office, policy
from tests.support.world import ACCOUNT


def kept_of(office: Office, run_id: str) -> KeptInputs:
    root = office.ledger.kept_root(run_id)
    assert root is not None
    return gather(office.ledger.chunks, root)


def replayed(office: Office, run_id: str) -> Record:
    """As it was kept; fails where it comes to anything else now, or names the account."""
    kept = kept_of(office, run_id)
    assert not any(ACCOUNT in text for text in kept.chunks.values())
    record = read(kept)
    assert first_difference(record.outcome, decide_again(record.inputs)) is None
    return record


async def test_a_day_with_orders_is_kept_with_its_plan(office: Office) -> None:
    result = await run_daily(office.desk(), RunRequest())
    assert result.status is RunStatus.DONE
    record = replayed(office, result.run_id)
    assert len(record.outcome["plan"]["orders"]) == len(office.broker.placed) > 0
    assert record.told.run["run_id"] == result.run_id
    assert office.ledger.verify().ok


async def test_a_dry_run_is_kept_with_its_close(office: Office) -> None:
    result = await run_daily(office.desk(), RunRequest(dry_run=True))
    assert result.status is RunStatus.DRY_RUN
    assert replayed(office, result.run_id).outcome["plan"]["orders"]


async def test_a_run_that_waits_for_a_person_is_kept(office: Office) -> None:
    office.policy = policy({"mode": Mode.APPROVE})
    result = await run_daily(office.desk(), RunRequest())
    assert result.status is RunStatus.AWAITING_APPROVAL
    assert replayed(office, result.run_id).outcome["plan"]["orders"]


async def test_an_exit_by_hand_is_kept(office: Office) -> None:
    await run_daily(office.desk(), RunRequest())
    held = next(iter(office.world.positions.values())).instrument.symbol
    result = await exit_position(office.desk(), held, "ada")
    assert result.status is RunStatus.DONE
    record = replayed(office, result.run_id)
    assert record.inputs.by_hand is not None
    assert [order["rules"] for order in record.outcome["plan"]["orders"]] == [["manual_exit"]]


async def test_another_choosers_choice_is_kept_as_it_was_made(office: Office) -> None:
    office.chooser = FakeChooser(Action.HOLD)
    result = await run_daily(office.desk(), RunRequest())
    assert replayed(office, result.run_id).outcome["choice"]["chosen_by"] == "test"


class Asked(FakeChooser):
    """A model that names HOLD, with the account in its words."""

    async def choose(self, offer: Offer) -> tuple[Choice, ModelUse]:
        hold = next(plan for plan in offer.plans if plan.action is Action.HOLD)
        answer = json.dumps({"plan_id": hold.id, "rationale": f"calm for {ACCOUNT}"})
        exchange = Exchange("a model", "Choose one.", answer)
        return choice_of(offer.plans, offer.default, exchange.model, answer), ModelUse(calls=1, exchange=exchange)


async def test_a_models_choice_follows_again_from_its_answer(office: Office) -> None:
    office.chooser = Asked()
    result = await run_daily(office.desk(), RunRequest())
    record = replayed(office, result.run_id)
    assert record.outcome["choice"]["chosen_by"] == "model:a model"
    assert record.outcome["question"]["the_rules_would_choose"] == record.outcome["default"]["plan_id"]
    assert record.inputs.exchange is not None
    other = replace(record.inputs, exchange=replace(record.inputs.exchange, answer="I would hold."))
    assert first_difference(record.outcome, decide_again(other)) is not None


async def test_a_run_that_goes_on_was_decided_by_its_first_attempt(office: Office) -> None:
    office.broker.hold = asyncio.Event()
    first = asyncio.create_task(run_daily(office.desk("one"), RunRequest()))
    await office.broker.placing.wait()
    first.cancel()
    office.broker.hold.set()
    with pytest.raises(asyncio.CancelledError):
        await first
    office.world.cash += Decimal(1000)
    kept = office.ledger.kept_root(office.ledger.runs(1)[0].run_id)
    result = await run_daily(office.desk("one"), RunRequest())
    assert kept is not None
    assert office.ledger.kept_root(result.run_id) == kept
    replayed(office, result.run_id)


async def test_what_cannot_be_kept_is_told_and_the_orders_go_all_the_same(office: Office) -> None:
    # It would be taken for the name of a chunk.
    office.policy = office.policy.model_copy(update={"name": "sha256:" + "0" * 64})
    lines: list[str] = []
    result = await run_daily(office.desk(), RunRequest(), progress=lines.append)
    assert result.status is RunStatus.DONE
    assert office.broker.placed
    assert office.ledger.kept_root(result.run_id) is None
    assert any("cannot be kept" in line for line in lines)
    assert office.ledger.verify().ok
