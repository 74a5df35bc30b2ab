"""The commands of ``sympho`` (コマンド): those that run a server, those that talk to one, those that open its data.

Client commands speak HTTP like any other client and know nothing that a user does not: the address and the credentials
of a data folder, or what they are told. Other packages add theirs through the entry point group ``sympho.commands``.
"""
