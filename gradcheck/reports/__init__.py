"""What a check found, as text, as plain data, as a page, and as a script to paste."""
