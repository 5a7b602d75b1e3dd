"""Hand events on durably: sinks, and the loop that ACKs only after the sink has them.

`loop` decides (pure, with `lanes` and `link`), `run` drives it, `sinks` hold the events, `config` reads the file. Nothing is
imported here: who drives the loop himself loads no event loop.
"""
