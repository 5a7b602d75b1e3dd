"""For the tests of programs that use pushwire.

- `plugin`: fixtures for pytest, which finds them by itself; `sandboxes` has what they give, also without pytest
- `scripted`: a peer that plays a script of one's own, a file, or a journal
- `events`, and a module for each provider: events and wire messages with plausible defaults
- `strategies`: Hypothesis strategies for every event, in a module for each provider

Importing this, or the builders, loads no pytest and no trio. Each part is imported by its own name.
"""
