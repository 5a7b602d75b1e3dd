"""The providers' protocols, pure and independent of one another."""
