"""For the tests of programs that use pushwire: events and wire messages with plausible defaults.

Importing this loads no pytest and no trio. Each part is imported by its own name: `pushwire.testing.events`,
`pushwire.testing.gelabs`; `pushwire.testing.plugin` holds the fixtures for pytest.
"""
