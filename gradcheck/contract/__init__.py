"""What a pullback owes its caller, before any number is compared."""
