"""Each function is typed as its twin in Python."""

from .plain import *  # noqa: F403 - `plain.__all__` has the names
