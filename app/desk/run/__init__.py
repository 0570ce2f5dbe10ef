"""A run's life: opened, claimed, carried out, closed; approvals, exits by hand, and days that are made up for."""
