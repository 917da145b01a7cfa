"""Research while you sleep: one change at a time, measured, kept only on evidence."""

__version__ = "0.1.0"
