"""What a stage found, in a few words and as small JSON: what the playground shows and session state carries."""

from functools import singledispatch
from typing import Any

from app.desk.states import AccountRead, Decided, Evaluated, Executed, MarketRead, Run

Summary = tuple[str, dict[str, Any]]


@singledispatch
def summary(run: Run) -> Summary:
    """(text for a person, JSON for the session) of what the run's last stage found."""
    return f"run {run.run_id} is opened", {}


@summary.register
def _account(run: AccountRead) -> Summary:
    portfolio = run.portfolio
    text = (
        f"{len(portfolio.positions)} positions, net asset value {portfolio.nav:,.2f} {portfolio.currency}, "
        f"cash {portfolio.total_cash:,.2f} ({portfolio.source})"
    )
    return text, {"positions": len(portfolio.positions), "nav": f"{portfolio.nav:.2f}", "currency": portfolio.currency}


@summary.register
def _market(run: MarketRead) -> Summary:
    market = run.market
    vix = f"{market.vix.value:.1f} ({market.vix.source})" if market.vix else "unknown"
    untradable = f"; untradable today: {len(market.untradable)}" if market.untradable else ""
    text = f"{len(market.quotes)} quotes, {len(market.history)} histories, VIX {vix}{untradable} ({market.source})"
    return text, {"quotes": len(market.quotes), "histories": len(market.history), "source": market.source}


@summary.register
def _evaluation(run: Evaluated) -> Summary:
    evaluation = run.evaluation
    lines = [
        f"{m.name}: {'unknown' if m.value is None else f'{m.value:.2%}'} against {m.limit:.2%}: {m.severity}"
        for m in evaluation.metrics
        if m.limit is not None
    ]
    lines += [f"exit due: {e.rule} {e.symbol} ({e.value:.1%} against {e.threshold:.1%})" for e in evaluation.exits_due]
    if evaluation.recovery is not None:
        lines.append(f"on the way back from a fall of {evaluation.recovery.acted_at:.1%}, with a cap on purchases")
    return "\n".join(lines), {
        "severities": {m.name: m.severity.value for m in evaluation.metrics if m.limit is not None},
        "exits_due": len(evaluation.exits_due),
    }


@summary.register
def _decision(run: Decided) -> Summary:
    plan, choice = run.plan, run.choice
    text = f"{plan.shown_as} ({plan.id}), chosen by {choice.chosen_by}: {choice.rationale}"
    return text, {"action": plan.action.value, "plan_id": choice.plan_id, "chosen_by": choice.chosen_by}


@summary.register
def _orders(run: Executed) -> Summary:
    lines = [
        f"{r.state}: {r.order.side} {r.order.quantity:f} {r.order.instrument.symbol}"
        + (f" ({r.reason})" if r.reason else "")
        for r in run.results
    ]
    return "\n".join(lines) or "no orders", {"orders": [{"coid": r.coid, "state": r.state} for r in run.results]}
