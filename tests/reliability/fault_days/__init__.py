"""Days on which processes die, freeze and lose their disk: real commands on a broker that keeps its book, judged daily."""
