"""Mutations of the list: one fact of it is made wrong at a time, and the suite's checks must notice.

What is mutated is the list that decides; what the checks hold against it is the project's own data, unmutated. So a
mutant stands for a fault in reading, compiling, distributing or looking up as much as for a wrong line. A mutant is
*noticed* when a check of answers says so (``checks``); that the document's SHA-256 changes counts for nothing, since it
does so for every one. Every mutant changes at least one answer by construction: none of them is equivalent.
"""
