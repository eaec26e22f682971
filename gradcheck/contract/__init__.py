"""What a pullback owes its caller, before any number is compared.

A promise is a generator of findings in a file of its own, with a line in `examine.PROMISES` and tests that try it alone
(`promises.found` in tests/tools); what roundings of a narrow format inside may seem to break stands there within
`inside.unless_rounded`.  They are tried in their order, and one may count on what the one before it left:
`is_linear` sees residuals of another point in a layer in which `repeats` has put them, so that a new promise stands
first or last.  Every call goes through `subjects.raised.during`, where what belongs to the caller is put back.

A finding that concerns one array makes that array fail; what its kind most likely comes from may be said in
`diagnosis.contracts`, and it has its row in specs/guides/my_check_fails.md, where a person looks it up.
"""
