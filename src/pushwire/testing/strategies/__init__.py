"""Hypothesis strategies for every event that a stream can deliver, in a module for each provider; needs the extra `testing`.

`strategies.gelabs.transactions()` draws transactions, `strategies.gelabs.events()` whatever a gelabs stream delivers, control
events included. Each event drawn is one that some message of the provider is delivered as: what the decoder refuses is not drawn,
numbers of money are exact. Keyword arguments fix a field: `transactions(tx_status="success")`.
"""
