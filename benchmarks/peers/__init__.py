"""Other engines behind the few calls a benchmark makes of each."""
