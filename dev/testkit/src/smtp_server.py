"""An SMTP server on a free port, which it prints. It writes each message into a file of the folder of its argument.

The local part of a recipient decides: `refused` gets 550, `later` 451, `slow` an answer after a minute, and for `cut` the
server keeps the message and closes the connection without an answer. With a second argument, `user:password`, it requires
that login.
"""

import asyncio
import itertools
import pathlib
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder = pathlib.Path(sys.argv[1])
login = sys.argv[2].encode().split(b":") if len(sys.argv) > 2 else None
numbers = itertools.count(1)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.partition("@")[0]
        if name == "slow":
            await asyncio.sleep(60)
        if name == "refused":
            return "550 no such mailbox"
        if name == "later":
            return "451 try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        name = f"{next(numbers):03}.eml"
        (folder / f"{name}.new").write_bytes(envelope.original_content)
        (folder / f"{name}.new").rename(folder / name)
        if envelope.rcpt_tos[0].startswith("cut@"):
            server.transport.abort()
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=[data.login, data.password] == login)


def protocol():
    return SMTP(
        Handler(),
        hostname="smtp.example",
        authenticator=authenticate,
        auth_required=login is not None,
        auth_require_tls=False,
    )


async def main():
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
