"""Numbers from traces: pure functions with frozen results."""
