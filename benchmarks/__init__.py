"""Measured comparisons with named rivals, run by hand: ``make benchmarks``. Never a test."""
