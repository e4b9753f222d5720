"""What runs inside a sandbox host: the simulated kernel side and the logic of the stand-in command lines.

Hosts get this package as /usr/lib/causeway-sandbox/standin (Python's standard library only). The same modules read
a host from outside, and tests read a made-up root folder with them.
"""
