"""Run flows of connected nodes as executions that cannot be lost."""

__version__ = "0.1.0"
