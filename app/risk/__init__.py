"""Measures a portfolio against a policy and rules on orders. Pure: no clock, file, network, log or environment."""

from app.risk.after import after, post_trade
from app.risk.feasible import feasible
from app.risk.gate import gate
from app.risk.measure import measure
from app.risk.preview import what_if_refusal
from app.risk.restraint import restrain

__all__ = ["after", "feasible", "gate", "measure", "post_trade", "restrain", "what_if_refusal"]
