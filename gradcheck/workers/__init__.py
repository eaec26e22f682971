"""Where the work runs, and how far it has come."""
