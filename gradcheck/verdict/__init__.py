"""Where claims and numbers are compared, and what follows."""
