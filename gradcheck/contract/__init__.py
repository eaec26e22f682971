"""What a pullback owes its caller, before any number is compared.

A promise is a generator of findings in a file of its own, with a line in `examine.PROMISES` and tests that try it alone
(`promises.found` in tests/tools).  A finding that concerns one array makes that array fail; what its kind most likely
comes from may be said in `diagnosis.contracts`.
"""
