"""Takes every mail over SMTP and keeps it in a folder, one file each.

Nobody lives at addresses that begin with "nobody@", and those that begin with "later@" are busy.
"""

import itertools
import json
import pathlib
import sys
import threading
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

folder, port, password = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode()
numbers = itertools.count()


class Keep:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 nobody lives here"
        if address.startswith("later@"):
            return "451 4.3.0 busy, try again later"
        # The sender waits for this answer, so it is alive now; the rest it may have left behind.
        if not envelope.rcpt_tos:
            envelope.begun_at = time.time_ns() // 1000
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 yes"

    async def handle_DATA(self, server, session, envelope):
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "mail": envelope.original_content.decode("utf-8", "replace"),
            "begun_at": envelope.begun_at,
        }
        unfinished = folder / "unfinished"
        unfinished.write_text(json.dumps(kept))
        unfinished.rename(folder / f"{next(numbers):06}.json")
        return "250 2.0.0 kept"


def may_come_in(server, session, envelope, mechanism, login):
    return AuthResult(success=login.password == password, handled=False)


Controller(
    Keep(),
    hostname="127.0.0.1",
    server_hostname="sink.example",
    port=port,
    auth_require_tls=False,
    authenticator=may_come_in,
).start()
threading.Event().wait()
