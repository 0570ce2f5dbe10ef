"""A run's life: opened, claimed, carried out, closed; and what catches up, waits and approves."""
