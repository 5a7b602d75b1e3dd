"""Where the ledger lives. `base` says what a store must do, `memory`, `sqlite` and `postgres` are three of them.

Nothing is imported here: who keeps the ledger in memory never loads a database.
"""
