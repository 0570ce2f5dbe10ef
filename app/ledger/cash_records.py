"""The ledger's part for cash that executions do not explain, and for withdrawals that are announced."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import Connection

from app.desk.records import Flow, FlowPlan, PlanEnd, ToldFlow
from app.ledger import flow_plans, flows


class CashRecords:
    """What a ledger does with them; see `AccountMemory`."""

    @abstractmethod
    def _write(self) -> AbstractContextManager[Connection]: ...

    @abstractmethod
    def _read(self) -> AbstractContextManager[Connection]: ...

    def add_flow(self, book: str, flow: Flow, at: datetime) -> int | None:
        with self._write() as connection:
            return flows.add(connection, book, flow, at)

    def told_flows(self, book: str) -> tuple[ToldFlow, ...]:
        with self._read() as connection:
            return flows.told(connection, book)

    def take_back_flow(self, book: str, number: int, reason: str, actor: str, at: datetime) -> bool:
        with self._write() as connection:
            return flows.take_back(connection, book, number, reason, actor, at)

    def flows(self, book: str) -> tuple[Flow, ...]:
        with self._read() as connection:
            return flows.paid(connection, book)

    def income(self, book: str) -> tuple[Flow, ...]:
        with self._read() as connection:
            return tuple(flow for flow in flows.load(connection, book) if flow.is_income)

    def plan_flow(self, book: str, plan: FlowPlan, at: datetime) -> FlowPlan:
        with self._write() as connection:
            return flow_plans.add(connection, book, plan, at)

    def end_plan(self, book: str, number: int, ending: PlanEnd, note: str, actor: str, at: datetime) -> None:
        with self._write() as connection:
            flow_plans.end(connection, book, number, ending, note, actor, at)

    def flow_plans(self, book: str) -> tuple[FlowPlan, ...]:
        with self._read() as connection:
            return flow_plans.load(connection, book)
