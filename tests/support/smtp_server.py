"""A mail server on 127.0.0.1 that takes every message and prints it, until standard input ends; its address first.

Usage: smtp_server.py FOLDER PORT [auth USER PASSWORD] [starttls CERT KEY] [refuse ADDRESS]
FOLDER holds the package aiosmtpd. Each message is one line of JSON: from, to, user, tls, headers, text.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

sys.path.insert(0, sys.argv[1])
from aiosmtpd.smtp import SMTP, AuthResult  # noqa: E402

words = sys.argv[3:]


def after(word, count):
    place = words.index(word) + 1 if word in words else None
    return words[place : place + count] if place else None


class Sink:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if [address] == after("refuse", 1):
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        user = session.auth_data.login.decode() if session.auth_data else None
        told = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "user": user,
            "tls": session.ssl is not None,
            "headers": [[name, str(value)] for name, value in message.items()],
            "text": message.get_content(),
        }
        print(json.dumps(told), flush=True)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, login):
    right = [login.login.decode(), login.password.decode()] == after("auth", 2)
    return AuthResult(success=right, handled=False, auth_data=login)


def serve():
    options = {}
    if after("auth", 2):
        options = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": bool(after("starttls", 2))}
    if after("starttls", 2):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*after("starttls", 2))
        options |= {"tls_context": context, "require_starttls": True}
    return SMTP(Sink(), hostname="localhost", loop=loop, **options)


loop = asyncio.new_event_loop()
server = loop.run_until_complete(loop.create_server(serve, "127.0.0.1", int(sys.argv[2])))
print("%s:%d" % server.sockets[0].getsockname(), flush=True)
loop.run_until_complete(loop.run_in_executor(None, sys.stdin.read))
