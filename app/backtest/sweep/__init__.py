"""Many policies over one history: made from one, replayed in shards, compared, and the best chosen honestly.

Must never drop a policy in silence, nor let what was chosen with hindsight pass for what could have been chosen.
"""
