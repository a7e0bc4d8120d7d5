"""The remotes, pretending: state, a journal of what took effect, and faults on demand.

Written from the remotes' contracts alone. Nothing here may import anything else of the program, or one
misreading of a contract would pass on both sides.
"""
