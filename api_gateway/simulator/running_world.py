"""Holds the world that the application serves, which a reset replaces by a fresh one within milliseconds.

What belongs to the world is forgotten: book, orders, session, faults, clock. The pacing belongs to how the process is
run; it stays as it was last set unless the reset says otherwise.
"""

from dataclasses import replace
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api_gateway.simulator.faults.broker_rules import BrokerChange
from api_gateway.simulator.faults.fault_box import AnyRule
from api_gateway.simulator.front.brokerage import SessionMode
from api_gateway.simulator.scenario import Scenario
from api_gateway.simulator.world import World, renewed


class Reset(BaseModel):
    """What is not given is as at the start. `scenario` names the fields of the starting account that differ."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: date | None = None
    seed: int | None = None
    scenario: dict[str, Any] = Field(default_factory=dict)
    pacing: float | None = None
    broker: BrokerChange = BrokerChange()
    faults: tuple[AnyRule, ...] | None = None
    session: SessionMode | None = None


class RunningWorld:
    def __init__(self, world: World) -> None:
        self._opening = world
        self.world = world

    def reset(self, wanted: Reset) -> World:
        """Raises: StartError for a day or seed that is not there, ValidationError for a scenario that is none."""
        start = self._opening.options
        options = replace(
            start,
            as_of=wanted.as_of or start.as_of,
            seed=start.seed if wanted.seed is None else wanted.seed,
            pacing=self.world.pacer.scale if wanted.pacing is None else wanted.pacing,
            faults=start.faults if wanted.faults is None else wanted.faults,
            session=wanted.session or start.session,
        )
        scenario = Scenario.model_validate({**self._opening.scenario.model_dump(), **wanted.scenario})
        before, self.world = self.world, renewed(self.world, options, scenario)
        before.sockets.cut()
        self.world.rules.change(wanted.broker)
        return self.world
