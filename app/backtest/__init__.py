"""What a policy would have done: the day that trades, led over history on a paper account.

Must never hand a decision what was not known on its day.
"""
