"""What the subject says its derivative is, and how that rounds."""
