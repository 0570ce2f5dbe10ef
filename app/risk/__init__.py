"""Measures a portfolio against a policy and rules on orders. Pure: no clock, file, network, log or environment."""

from app.risk.after import after, post_trade
from app.risk.feasible import feasible
from app.risk.gate import gate
from app.risk.measure import measure
from app.risk.preview import what_if_refusal
from app.risk.restraint import restrain
from app.risk.today import Today, share_statistics

__all__ = [
    "Today",
    "after",
    "feasible",
    "gate",
    "measure",
    "post_trade",
    "restrain",
    "share_statistics",
    "what_if_refusal",
]
