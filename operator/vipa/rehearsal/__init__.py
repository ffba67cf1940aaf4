"""Rehearsals: failures as files. Parser, expectations, invariants, and the engines."""
