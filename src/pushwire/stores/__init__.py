"""Where the ledger lives. `base` says what a store must do, `memory` and `sqlite` are two of them.

Nothing is imported here: who keeps the ledger in memory never loads a database.
"""
