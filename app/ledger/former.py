"""What ledgers of before revision 0005 say in prose alone, read as the program of then read it. It never changes."""

_RULES = frozenset(
    {
        "stop_loss", "drawdown", "limit_breach", "take_profit",
        "cut_losers", "reinforce", "rotate", "rebalance", "manual_exit",
    }
)  # fmt: skip


def rules(reason: str) -> str:
    """ "stop_loss+drawdown: unrealised -21.0% ..." → "stop_loss+drawdown"; other words were rules of nothing."""
    named = reason.partition(":")[0].split("+")
    return "+".join(name for name in named if name in _RULES)
