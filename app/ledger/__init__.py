"""The ledger: runs, intents, the event chain and the NAV history in one SQL database. It decides nothing."""
