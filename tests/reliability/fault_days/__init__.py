"""Days on which processes die, freeze and lose their disk: real commands, a broker that keeps its book."""
