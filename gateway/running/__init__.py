"""A running system (稼働): everything that a start takes, in its order, and everything that a stop gives back.

``starting`` opens and closes, ``seeding`` fills a new installation, ``folder`` is the data folder with its locks and the
address of whoever serves it, ``credentials`` the first passwords of the staff. What cannot be started is a
``StartTrouble``: what is wrong, where, and what to do about it.
"""
