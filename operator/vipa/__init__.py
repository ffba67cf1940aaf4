"""Sysplex VIPA: an address that belongs to one healthy stack at a time."""

__version__ = "0.1.0"
