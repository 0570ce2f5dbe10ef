"""A model may name one of the offered plans. Whatever else it says or fails at, the rules' choice stands, flagged."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from decimal import Decimal

import pytest
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse

from app.components.model_chooser import PROMPT, ModelChooser
from app.decision.asking import LONGEST_ANSWER, choice_of, fallen_back
from app.desk.ports import ModelUse, Offer
from app.domain.plan import Action, Choice, Plan
from tests.unit.components.scripted import ScriptedLlm, says

HOLD = Plan(Action.HOLD, (), "Nothing is due")
CUT = Plan(Action.CUT_LOSERS, (), "Losers to cut")
OFFER = Offer(
    run_id="run_1",
    plans=(CUT, HOLD),
    default=Choice(CUT.id, "the rules' reasons", "rules"),
    summary={"nav": "250000.00", "trend": None},
)


def answer(plan_id: str = HOLD.id, rationale: str = "calm", **more: object) -> str:
    """The agreed form."""
    return json.dumps({"plan_id": plan_id, "rationale": rationale, **more})


async def test_a_model_chooses_one_of_the_offered_plans() -> None:
    model = ScriptedLlm(script=says(answer()))
    choice, use = await ModelChooser(model).choose(OFFER)
    assert choice == Choice(HOLD.id, "calm", "model:scripted")
    assert (use.calls, use.input_tokens, use.output_tokens) == (1, 100, 20)


async def test_a_model_sees_the_plans_and_the_numbers_and_has_no_tools() -> None:
    model = ScriptedLlm(script=says(answer()))
    await ModelChooser(model).choose(OFFER)
    (request,) = model.asked
    (content,) = request.contents
    assert content.parts is not None
    question = json.loads(content.parts[0].text or "")
    assert [plan["plan_id"] for plan in question["plans"]] == [CUT.id, HOLD.id]
    assert question["measurements"] == {"nav": "250000.00", "trend": None}
    assert question["the_rules_would_choose"] == CUT.id
    assert not request.tools_dict


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("I would hold.", "not of the agreed form"),
        ("", "not of the agreed form"),
        (answer()[:-1], "not of the agreed form"),
        (answer(rationale=""), "not of the agreed form"),
        (answer(rationale="x" * 1001), "not of the agreed form"),
        (answer(orders=["BUY 1000 GME"]), "not of the agreed form"),
        (f"[{answer()}]", "not of the agreed form"),
        (answer("rotate-12345678"), "a plan that was not offered"),
        (answer(HOLD.id + "\n"), "a plan that was not offered"),
        (answer(f" {HOLD.id}"), "a plan that was not offered"),
        (answer(HOLD.id.upper()), "a plan that was not offered"),
    ],
)
async def test_any_other_answer_leaves_the_rules_choice_and_says_why(said: str, why: str) -> None:
    choice, use = await ModelChooser(ScriptedLlm(script=says(said))).choose(OFFER)
    assert (choice.plan_id, choice.rationale, choice.chosen_by) == (CUT.id, "the rules' reasons", "rules")
    assert choice.fallback is not None
    assert choice.fallback.startswith("model scripted: ")
    assert why in choice.fallback
    assert use.calls == 1


async def test_a_model_that_raises_leaves_the_rules_choice_without_its_words() -> None:
    def fail(_: LlmRequest) -> LlmResponse:
        raise ConnectionError("https://secret@host refused")

    choice, use = await ModelChooser(ScriptedLlm(script=fail)).choose(OFFER)
    assert choice.plan_id == CUT.id
    assert choice.fallback is not None
    assert "ConnectionError" in choice.fallback
    assert "secret" not in choice.fallback
    assert use.calls == 0


async def test_a_model_that_answers_an_error_leaves_the_rules_choice() -> None:
    model = ScriptedLlm(script=lambda _: LlmResponse(error_code="SAFETY", error_message="no"))
    choice, _ = await ModelChooser(model).choose(OFFER)
    assert choice.fallback is not None
    assert "SAFETY" in choice.fallback


class SilentLlm(ScriptedLlm):
    """Never answers."""

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        await asyncio.Event().wait()
        yield self.script(llm_request)


async def test_a_model_that_is_late_leaves_the_rules_choice() -> None:
    choice, _ = await ModelChooser(SilentLlm(script=says("")), timeout_seconds=0.01).choose(OFFER)
    assert (choice.plan_id, choice.fallback) == (CUT.id, "model scripted: no answer within 0.01 s")


async def test_the_price_of_an_unknown_model_is_unknown() -> None:
    _, use = await ModelChooser(ScriptedLlm(script=says(answer()))).choose(OFFER)
    assert replace(use, exchange=None) == ModelUse(calls=1, input_tokens=100, output_tokens=20, cost=None)


async def test_what_the_model_was_told_and_said_is_handed_out_so_that_the_choice_can_be_made_again() -> None:
    for said in (answer(), "I would hold.", answer() + " " * LONGEST_ANSWER):
        choice, use = await ModelChooser(ScriptedLlm(script=says(said))).choose(OFFER)
        assert use.exchange is not None
        assert use.exchange.instruction == PROMPT.read_text(encoding="utf-8")
        assert use.exchange.failure is None
        assert choice_of(OFFER.plans, OFFER.default, use.exchange.model, use.exchange.answer or "") == choice


async def test_a_model_that_did_not_answer_hands_out_why() -> None:
    choice, use = await ModelChooser(SilentLlm(script=says("")), timeout_seconds=0.01).choose(OFFER)
    assert use.exchange is not None
    assert use.exchange.answer is None
    assert choice == fallen_back(OFFER.default, "scripted", use.exchange.failure or "")


async def test_a_known_model_is_priced_with_its_thoughts() -> None:
    async def cost(thoughts: int) -> Decimal:
        model = ScriptedLlm(model="gemini-2.5-flash", script=says(answer(), 1000, 20, thoughts))
        choice, use = await ModelChooser(model).choose(OFFER)
        assert choice.fallback is None
        assert use.output_tokens == 20 + thoughts
        assert use.cost is not None
        return use.cost

    assert 0 < await cost(0) < await cost(500)
