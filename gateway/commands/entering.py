"""``sympho token``: logging in for a program of one's own, such as curl (職員認証)."""

from __future__ import annotations

import sys

from authz.duties import Duty
from gateway.commands.caller import add_arguments, staff_with
from gateway.commands.command import Arguments, Command, Exit

__all__ = ["COMMANDS"]


def _token(args: Arguments) -> int:
    client = staff_with(args, Duty.INQUIRE)
    sys.stdout.write(f"{client.token}\n")
    client.close()
    return Exit.DONE


COMMANDS = (
    Command(
        name="token",
        ja="職員としてログインし、トークンを出力する",
        en="log in as a member of staff and print the token",
        about="curl などで使うための短命（15 分）のトークン。Authorization: Bearer として送ります。\n"
        "A short-lived token (15 minutes) for curl and the like, sent as Authorization: Bearer.",
        examples=(
            "TOKEN=$(sympho token --as kagerou-health)",
            'curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8443/auth/me',
        ),
        configure=add_arguments,
        run=_token,
    ),
)
