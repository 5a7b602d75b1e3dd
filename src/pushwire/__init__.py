"""pushwire: strictly typed push APIs over WebSocket, for trio."""
