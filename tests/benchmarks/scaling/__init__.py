"""A store of millions of orders, made by SQL, and what the program's own statements cost in it.

`python -m tests.benchmarks.scaling --orders 10000000` fills one database after the other (SQLite, PostgreSQL), has the
store's verbs do their work there, and prints what each cost and whether any of its statements walked through a whole
table. `docs/scaling.md` leans on it. Nothing is kept, unless `--keep` says so.
"""
