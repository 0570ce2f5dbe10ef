"""Makes the report from what the run knows. Nothing is computed here that the run did not act on."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

from app.desk.desk import Desk
from app.desk.records import Lease, RunRecord, RunStatus
from app.desk.report import schema as r
from app.desk.report.question import question_part
from app.desk.states import NO_MODEL, AccountRead, Decided, MarketRead, OrderResult, Run, evaluation_of
from app.domain.evaluation import Evaluation
from app.domain.lots import Lot, by_name, lots, sold_from
from app.domain.market import Market, Quote
from app.domain.order import Side, Trade, WhatIf
from app.domain.plan import Memory, Plan
from app.domain.portfolio import Portfolio
from app.domain.universe import realised_volatilities
from app.domain.unmanaged import UnmanagedHolding

CENT = Decimal("0.01")


def report_of(desk: Desk, run: Run, status: RunStatus, note: str | None = None) -> r.Report:
    """Of a run in whatever state it ended; later parts of one that ended early are null."""
    account = run if isinstance(run, AccountRead) else None
    seen = run if isinstance(run, MarketRead) else None
    decided = run if isinstance(run, Decided) else None
    evaluation = evaluation_of(run)
    model = decided.model if decided else NO_MODEL
    return r.Report(
        run_id=run.run_id,
        account=run.key.account,
        session_date=run.key.session_date,
        slot=run.key.slot,
        status=status,
        mode=run.mode.label,
        mode_reason=run.mode.because,
        as_of=seen.market.as_of if seen else run.clock.now(),
        source=run.broker_session.source,
        policy=r.PolicyPart(name=desk.policy.name, version=desk.policy.version, hash=desk.policy.hash),
        level=r.LevelPart(level=run.level.level.value, reason=run.level.reason, actor=run.level.actor),
        portfolio=_portfolio(account) if account else None,
        continuity=_continuity(account) if account else None,
        market=_market(seen.market, evaluation) if seen else None,
        evaluation=_evaluation(seen.memory, evaluation) if seen and evaluation else None,
        memory=_memory(seen) if seen else None,
        plans=tuple(_plan(plan) for plan in decided.plans) if decided else (),
        decision=_decision(decided) if decided else None,
        explanations=decided.explanations if decided else (),
        orders=_orders(run),
        trades=tuple(_trade(trade) for trade in account.trades) if account else (),
        refusals=tuple(
            r.RefusalPart(rule=x.rule, symbol=x.symbol, value=x.value, limit=x.limit, largest=x.largest)
            for x in (decided.refusals if decided else ())
        ),
        model=r.ModelPart(
            calls=model.calls,
            input_tokens=model.input_tokens,
            output_tokens=model.output_tokens,
            cost=model.cost,
        ),
        broker=r.BrokerPart(**run.journal.call_totals()),
        timings_ms={stage: round(ms, 1) for stage, ms in run.timings.items()},
        note=note,
    )


def overview(record: RunRecord) -> dict[str, Any]:
    """A run in one line. `lapsed`: nobody is at work on it any more, and the next caller goes on with it."""
    decision = record.report.get("decision") if record.report else None
    return {
        "run_id": record.run_id,
        "account": record.key.account,
        "session_date": record.key.session_date.isoformat(),
        "slot": record.key.slot,
        "status": record.status.value,
        "action": decision["action"] if decision else None,
        "started_at": record.started_at.isoformat(),
        "finished_at": record.finished_at.isoformat() if record.finished_at else None,
        "error": record.error,
        **lease_facts(record.lease),
    }


def lease_facts(lease: Lease | None) -> dict[str, Any]:
    """Of a run that has ended nothing: it has no lease."""
    return {
        "lease_until": lease.until.isoformat() if lease else None,
        "lease_seconds": round(lease.seconds, 1) if lease else None,
        "lapsed": lease.lapsed if lease else False,
    }


def _portfolio(run: AccountRead) -> r.PortfolioPart:
    portfolio, fills = run.portfolio, by_name(run.fills)
    return r.PortfolioPart(
        currency=portfolio.currency,
        nav=portfolio.nav.quantize(CENT),
        nav_parts=_nav_parts(portfolio),
        cash=portfolio.total_cash.quantize(CENT),
        buying_power=_cents(portfolio.buying_power),
        unrealized_pnl=portfolio.unrealized_pnl.quantize(CENT),
        realized_pnl=portfolio.realized_pnl.quantize(CENT),
        account_type=portfolio.account_type,
        as_of=portfolio.as_of,
        balances={b.currency: b.cash.quantize(CENT) for b in portfolio.cash},
        fx_rates={b.currency: b.exchange_rate for b in portfolio.cash if b.currency != portfolio.currency},
        positions=tuple(
            r.PositionPart(
                symbol=p.instrument.symbol,
                conid=p.instrument.conid,
                sector=p.instrument.sector,
                currency=p.instrument.currency,
                quantity=p.quantity,
                price=p.price,
                market_value=p.market_value.quantize(CENT),
                weight=portfolio.weight(p),
                average_cost=p.average_cost,
                unrealized_pnl=p.unrealized_pnl.quantize(CENT),
                lots=tuple(
                    _lot(lot, p.price, run.key.session_date)
                    for lot in lots(fills.get(p.instrument.conid, ()), p.quantity)
                ),
            )
            for p in sorted(portfolio.positions, key=lambda p: p.instrument.symbol)
        ),
        unmanaged=tuple(_unmanaged(line) for line in sorted(portfolio.unmanaged, key=lambda line: line.symbol)),
        unreadable=tuple(
            r.UnreadablePart(kind=row.kind, symbol=row.symbol, conid=row.conid, reason=row.reason)
            for row in portfolio.unreadable
        ),
        gaps=portfolio.gaps,
    )


def _unmanaged(line: UnmanagedHolding) -> r.UnmanagedPart:
    return r.UnmanagedPart(
        symbol=line.symbol,
        conid=line.conid,
        asset_class=line.asset_class,
        currency=line.currency,
        quantity=line.quantity,
        value=_cents(line.value),
        exposure=_cents(line.exposure),
        value_from=line.value_from,
        reason=line.reason,
    )


def _nav_parts(portfolio: Portfolio) -> r.NavPart:
    return r.NavPart(
        cash=portfolio.total_cash.quantize(CENT),
        positions=sum(portfolio.values.values(), Decimal(0)).quantize(CENT),
        unmanaged=portfolio.unmanaged_value.quantize(CENT),
        accrued_dividends=portfolio.nav_parts.get("dividends", Decimal(0)).quantize(CENT),
        accrued_interest=portfolio.nav_parts.get("interest", Decimal(0)).quantize(CENT),
        broker=_cents(portfolio.broker_net_liquidation),
        difference=_cents(portfolio.nav_difference),
    )


def _cents(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(CENT)


def _lot(lot: Lot, price: Decimal, today: date) -> r.LotPart:
    gain = lot.gain(price)
    return r.LotPart(
        acquired=lot.session_date,
        quantity=lot.quantity,
        cost=lot.cost,
        unrealized_pnl=gain.quantize(CENT) if gain is not None else None,
        holding_days=lot.days(today),
    )


def _continuity(run: AccountRead) -> r.ContinuityPart:
    return r.ContinuityPart(
        detected_flows=run.continuity.detected,
        recorded_flows=run.continuity.recorded,
        unexplained_flow=run.unexplained_flow,
        quarantine=tuple(r.QuarantinePart(symbol=q.symbol, since=q.since, reason=q.reason) for q in run.quarantined),
    )


def _trade(trade: Trade) -> r.TradePart:
    return r.TradePart(
        execution_id=trade.execution_id,
        coid=trade.coid,
        conid=trade.conid,
        side=trade.side.value,
        quantity=trade.quantity,
        price=trade.price,
        commission=trade.commission,
        time=trade.time,
    )


def _market(market: Market, evaluation: Evaluation | None) -> r.MarketPart:
    symbols = {conid: instrument.symbol for conid, instrument in market.instruments.items()}
    volatilities = realised_volatilities(market.history)
    return r.MarketPart(
        vix=market.vix.value if market.vix else None,
        vix_source=market.vix.source if market.vix else None,
        trend=evaluation.trend.value if evaluation and evaluation.trend else None,
        quotes=tuple(
            _quote(symbols[q.conid], q) for q in sorted(market.quotes.values(), key=lambda q: symbols[q.conid])
        ),
        untradable={symbols[conid]: reason for conid, reason in sorted(market.untradable.items())},
        sentiment={symbol: market.sentiment.get(n) for n, symbol in sorted(symbols.items(), key=lambda item: item[1])},
        volatility_30d={
            symbol: volatilities.get(conid) for conid, symbol in sorted(symbols.items(), key=lambda item: item[1])
        },
    )


def _quote(symbol: str, quote: Quote) -> r.QuotePart:
    return r.QuotePart(
        symbol=symbol,
        conid=quote.conid,
        bid=quote.bid,
        ask=quote.ask,
        last=quote.last,
        prior_close=quote.prior_close,
        average_volume=quote.average_volume,
        market_cap=quote.market_cap,
        kind=quote.kind.value,
        as_of=quote.as_of,
        source=quote.source,
        marks=quote.marks,
    )


def _evaluation(memory: Memory, evaluation: Evaluation) -> r.EvaluationPart:
    return r.EvaluationPart(
        metrics=tuple(
            r.MetricPart(name=m.name, value=m.value, limit=m.limit, severity=m.severity.value, note=m.note)
            for m in evaluation.metrics
        ),
        drawdown=evaluation.drawdown,
        exits_due=tuple(
            r.ExitPart(rule=e.rule.value, symbol=e.symbol, fraction=e.fraction, value=e.value, threshold=e.threshold)
            for e in evaluation.exits_due
        ),
        drift=tuple(
            r.DriftPart(kind=d.kind, name=d.name, weight=d.weight, target=d.target, attainable=d.attainable)
            for d in evaluation.drifts
        ),
        exposure_caps=tuple(r.CapPart(rule=c.rule, limit=c.limit) for c in evaluation.caps),
        drawdown_acted_at=evaluation.drawdown_acted_at(memory.drawdown_acted_at),
    )


def _memory(run: MarketRead) -> r.MemoryPart:
    memory = run.memory
    symbols = {conid: instrument.symbol for conid, instrument in run.market.instruments.items()}
    return r.MemoryPart(
        last_rebalance=memory.last_rebalance,
        last_rotation=memory.last_rotation,
        reinforced={symbols[n]: ago for n, ago in memory.reinforced.items() if n in symbols},
        sold_at_loss={symbols[n]: ago for n, ago in memory.sold_at_loss.items() if n in symbols},
        profit_levels_taken={symbols[n]: count for n, count in memory.profit_levels_taken.items() if n in symbols},
    )


def _plan(plan: Plan) -> r.PlanPart:
    after = plan.post_trade
    return r.PlanPart(
        id=plan.id,
        action=plan.action.value,
        reason=plan.reason,
        orders=tuple(
            r.PlannedOrder(
                symbol=o.instrument.symbol,
                side=o.side.value,
                quantity=o.quantity,
                reference_price=o.reference_price,
                mandatory=o.mandatory,
                reason=o.reason,
            )
            for o in plan.orders
        ),
        post_trade=r.PostTradePart(
            cash_weight=after.cash_weight, exposure=after.exposure, turnover=after.turnover, metrics=after.metrics
        )
        if after
        else None,
    )


def _decision(run: Decided) -> r.DecisionPart:
    choice = run.choice
    return r.DecisionPart(
        action=run.plan.action.value,
        plan_id=choice.plan_id,
        chosen_by=choice.chosen_by,
        rationale=choice.rationale,
        fallback=choice.fallback,
    )


def _orders(run: Run) -> tuple[r.OrderPart, ...]:
    """Sales of one name take its lots one after the other."""
    account = run if isinstance(run, AccountRead) else None
    fills, sold = by_name(account.fills if account else ()), defaultdict[int, Decimal](Decimal)
    parts: list[r.OrderPart] = []
    for result in run.results:
        taken: tuple[r.LotPart, ...] = ()
        order = result.order
        if order.side is Side.SELL and account is not None:
            conid = order.instrument.conid
            held = lots(fills.get(conid, ()), account.portfolio.held(conid))
            taken = tuple(
                _lot(lot, order.reference_price, run.key.session_date)
                for lot in sold_from(held, order.quantity, sold[conid])
            )
            sold[conid] += order.quantity
        parts.append(_order(result, taken))
    return tuple(parts)


def _order(result: OrderResult, taken: tuple[r.LotPart, ...]) -> r.OrderPart:
    order = result.order
    return r.OrderPart(
        coid=result.coid,
        symbol=order.instrument.symbol,
        side=order.side.value,
        quantity=order.quantity,
        reference_price=order.reference_price,
        limit_price=order.limit_price,
        state=result.state,
        filled_quantity=result.filled_quantity,
        average_price=result.average_price,
        reason=result.reason,
        trigger=order.reason,
        what_if=_what_if(result.what_if) if result.what_if else None,
        lots=taken,
        questions=tuple(question_part(question, result.state) for question in result.questions),
    )


def _what_if(what_if: WhatIf) -> r.WhatIfPart:
    return r.WhatIfPart(
        amount=what_if.amount,
        commission=what_if.commission,
        equity_after=what_if.equity_after,
        initial_margin_after=what_if.initial_margin_after,
        maintenance_margin_after=what_if.maintenance_margin_after,
        warnings=what_if.warnings,
        error=what_if.error,
    )
