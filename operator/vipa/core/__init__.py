"""Decisions: pure functions over values. Knows no clock, no network, no kopf (ARCHITECTURE.md)."""
