"""How names compare and what share each gets, by their closes. Must never know a policy's limits or an account."""

from app.allocation.optimised import REMEDY, missing
from app.allocation.scores import scores
from app.allocation.weighting import shares

__all__ = ["REMEDY", "missing", "scores", "shares"]
