"""A running system (稼働): everything that a start takes, in its order, and everything that a stop gives back.

``starting`` opens and closes, ``roles`` knows what each role takes, ``seeding`` fills a new installation and
``passwords`` its staff's file; ``folder`` is the data folder with its locks and the address of whoever serves it. What
cannot be started is a ``StartTrouble``: what is wrong, where, and what to do about it. What client commands need of
these is kept light.
"""
