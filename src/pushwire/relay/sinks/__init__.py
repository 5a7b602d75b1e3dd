"""Where events go. `base` says what a sink must do; each of the others is one. Nothing is imported here."""
