"""What a failing gradient most likely suffers from, in one sentence with the evidence."""
