"""Messages made by hand, to the program `pyro-object`: those that are right in unusual ways, and those that are wrong."""

import marshal
import socket
import struct
import unittest
import zlib

import Pyro5.api

from common import LOCATION, OBJECT

HOST, PORT = LOCATION.rsplit(":", 1)
SERPENT = b"# serpent utf-8 python3.2\n"
CONNECT, OK, FAIL, INVOKE, RESULT, PING = range(1, 7)
HEAD = struct.Struct("!4sHBBHHII16sHH")
CORRELATION = bytes(range(16))


def message(kind, payload=b"", serializer=1, flags=0, seq=7, tag=b"PYRO", version=502, magic=0x4dc5, notes=b"", announced=None, reserved=0):
    size = len(payload) if announced is None else announced
    return HEAD.pack(tag, version, kind, serializer, flags, seq, size, len(notes), CORRELATION, reserved, magic) + notes + payload


def connect(to="compat.object", **how):
    return message(CONNECT, SERPENT + b"{'handshake':'hello','object':'%s'}" % to.encode(), **how)


def invoke(payload, **how):
    return message(INVOKE, payload, **how)


# 256 MiB.
BOMB = zlib.compress(bytes(1 << 28))
ECHO = SERPENT + b"('compat.object','echo',(5,),{})"


class Talk:
    """Sends and reads what is answered, up to the answer with sequence number 99, or to the end."""

    def __init__(self, *messages):
        self.answers = []
        with socket.create_connection((HOST, int(PORT)), timeout=10) as raw:
            try:
                for one in [*messages, message(PING, serializer=42, seq=99)]:
                    raw.sendall(one)
                with raw.makefile("rb") as file:
                    while len(head := file.read(40)) == 40:
                        _, _, kind, serializer, flags, seq, size, notes, self.correlation, _, _ = HEAD.unpack(head)
                        file.read(notes)
                        payload = file.read(size)
                        if seq == 99:
                            break
                        self.answers.append((kind, serializer, flags & ~64, seq, payload))
            except ConnectionError:
                pass
        self.alive = bool(self.answers) and seq == 99


class Wire(unittest.TestCase):
    def tearDown(self):
        with Pyro5.api.Proxy(OBJECT) as p:
            self.assertEqual(p.echo(1), 1)

    def test_first_messages_that_are_refused(self):
        for first, words in [
            (message(CONNECT, version=501), "invalid protocol version: 501"), (message(CONNECT, version=0), "invalid protocol version: 0"),
            (message(CONNECT, tag=b"PYRX"), "invalid data"), (b"x" * 60, "invalid data"), (message(CONNECT, magic=1), "invalid message or protocol version"),
            *[(message(kind), f"invalid msg type {kind} received (expected: 1)") for kind in [0, OK, FAIL, INVOKE, RESULT, PING, 99]],
            (message(CONNECT, announced=2**32 - 1), "message too large"), (message(CONNECT, b"x", serializer=77), "unknown serializer 77"),
        ]:
            with self.subTest(words=words):
                talk = Talk(first)
                (kind, serializer, _, seq, payload), = talk.answers
                self.assertEqual((kind, serializer, seq, talk.alive), (FAIL, 2, 0, False))
                self.assertIn(words, marshal.loads(payload))
        for first in [connect("nobody"), message(CONNECT, SERPENT + b"5"), message(CONNECT, b"(("), message(CONNECT), connect(notes=b"ABCD\0\0\1\0x"),
                      message(CONNECT, BOMB, flags=2)]:
            talk = Talk(first)
            self.assertEqual([answer[:4] for answer in talk.answers], [(FAIL, 1, 0, 7)])
            self.assertTrue(talk.answers[0][4].startswith(SERPENT + b"'"))

    def test_unusual_messages(self):
        for how in [{}, {"flags": 0x8000 | 512}, {"reserved": 77}, {"seq": 65_535}, {"notes": b"ABCD\0\0\0\1xABCD\0\0\0\0"}]:
            answer = Talk(connect(), invoke(ECHO, **how)).answers[1]
            self.assertEqual(answer, (RESULT, 1, 0, how.get("seq", 7), SERPENT + b"5"))
        self.assertEqual(Talk(connect(), invoke(zlib.compress(ECHO), flags=2)).answers[1][:2], (RESULT, 1))
        self.assertEqual(Talk(connect(), invoke(ECHO, flags=64)).answers[1][2], 0)
        talk = Talk(connect() + b"".join(invoke(ECHO, seq=n) for n in range(50)))
        self.assertEqual([answer[3] for answer in talk.answers[1:]], list(range(50)))
        for payload, number in [(b'{"object":"compat.object","method":"echo","params":[5],"kwargs":null}', 3),
                                (b"\x94\xadcompat.object\xa4echo\x91\x05\xc0", 4), (marshal.dumps(("compat.object", "echo", (5,), {})), 2)]:
            self.assertEqual(Talk(connect(), invoke(payload, serializer=number)).answers[1][:3], (RESULT, number, 0))
        self.assertEqual(Talk(connect(), message(PING, b"ping", serializer=1)).answers[1], (PING, 1, 0, 7, b"pong"))

    def test_literals(self):
        for literal, written in [
            ("0x10", "16"), ("1_000", "1000"), ("-5", "-5"), (".5", "0.5"), ("1e400", "1e30000"), ("2j", "(0.0+2.0j)"), ("'a' 'b'", "'ab'"),
            ('"""a\nb"""', "'a\\nb'"), ("r'\\n'", "'\\\\n'"), ("b'a\\x00'", "{'data': 'YQA=', 'encoding': 'base64'}"), ("{1,2,}", "{1,2}"),
            ("set()", "()"), ("(1,)", "(1,)"), ("[1, 2 , # three\n 3]", "[1,2,3]"), ("'\\u20ac\\U0001f600\\N{BULLET}'", None), ("u'a'", "'a'"),
        ]:
            answer = Talk(connect(), invoke(SERPENT + f"('compat.object','echo',({literal},),{{}})".encode())).answers[1]
            if written is not None:
                self.assertEqual(answer[2:], (0, 7, SERPENT + written.encode()), literal)
        for wrong in ["nan", "--5", "f'a'", "1+2", "open", "__import__('os')", "012", "'a", "[1", "{[]:1}", "9" * 5_000, "'\0'", "(" * 5_000 + ")" * 5_000]:
            talk = Talk(connect(), invoke(SERPENT + f"('compat.object','echo',({wrong},),{{}})".encode()))
            self.assertEqual((talk.answers[1][:4], talk.alive), ((RESULT, 1, 1, 7), True), wrong[:20])

    def test_calls_that_cannot_be_read(self):
        for payload, how in [
            (b"", {}), (b"\0\1", {}), (SERPENT + b"(1,2,3)", {}), (b"'\xff\xfe'", {}), (b"notzlib", {"flags": 2}), (b"", {"flags": 2}),
            (zlib.compress(ECHO)[:-6], {"flags": 2}), (BOMB, {"flags": 2}), (b"{", {"serializer": 3}),
            (b"[" * 100_000, {"serializer": 3}), (b"{}", {"serializer": 3}), (b"\xc1", {"serializer": 4}), (b"\x91" * 100_000, {"serializer": 4}),
            (b"\x94\xdd\xff\xff\xff\xff", {"serializer": 4}), (b"\xdb" * 50, {"serializer": 2}), (ECHO[:-1] + b",flags=1)", {}),
            (SERPENT + b"('compat.object','echo',5,{})", {}), (SERPENT + b"('compat.object',5,(),{})", {}), (SERPENT + b"('compat.object','echo',(1,),{5:1})", {}),
            (SERPENT + b"('compat.object','<batch>',[5],None)", {"flags": 8}), (SERPENT + b"('compat.object','<batch>',[('echo',(1,))],None)", {"flags": 8}),
        ]:
            with self.subTest(payload=payload[:40]):
                talk = Talk(connect(), invoke(payload, **how), invoke(ECHO, seq=8))
                self.assertEqual([answer[2] & 1 for answer in talk.answers], [0, 1, 0])
                oneway = Talk(connect(), invoke(payload, **{**how, "flags": how.get("flags", 0) | 4}), invoke(ECHO, seq=8))
                self.assertEqual([answer[3] for answer in oneway.answers], [7, 8])

    def test_what_closes_a_connection(self):
        for wrong in [connect(), message(OK), message(RESULT, b"5"), invoke(ECHO, magic=3), invoke(ECHO, version=3), b"x" * 50,
                      invoke(ECHO, serializer=77), message(INVOKE, announced=2**32 - 1)]:
            talk = Talk(connect(), wrong, invoke(ECHO, seq=8))
            self.assertFalse(talk.alive)
            self.assertNotIn(8, [answer[3] for answer in talk.answers])


if __name__ == "__main__":
    unittest.main()
