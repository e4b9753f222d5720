"""The command-line tools Causeway works with: which, in which versions, where they are, and how to build what lacks.

Stands aside of the layers: only the command line and the tests import it. Everything that reads declarations works
without any of these tools.
"""
