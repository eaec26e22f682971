"""What is checked, whatever the user wrote: trees of arrays, kinds of subject, and the flat problem."""
