"""Who calls: what tells it, how it is known, and how often it may call."""
