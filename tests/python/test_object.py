"""Real Pyro5 against the program `pyro-object`: OBJ_URI and SESSION_URI say where."""

import socket
import struct
import threading
import time
import unittest
import uuid

import Pyro5.api
import Pyro5.client
import Pyro5.core
import Pyro5.errors
import serpent

from common import EachSerializer, LOCATION, OBJECT, SESSION

SAMPLE = {
    "none": None, "true": True, "false": False, "int": 42, "negative": -7, "big": 2**80, "float": 1.5,
    "text": "héllo € 😀", "empty": "", "list": [1, "two", None, [3.5, {"deep": [True]}]], "dict": {"k": {"k2": [1, 2]}},
}


class Calls(EachSerializer):
    def test_values(self):
        def check(p, _):
            self.assertEqual(p.sample(), SAMPLE)
            self.assertEqual(p.echo(SAMPLE), SAMPLE)
            self.assertIsNone(p.nothing())
            self.assertEqual(p.add(2**70, 1), 2**70 + 1)
            self.assertEqual(p.add("a", "b"), "ab")
            self.assertEqual(p.add([1], [2]), [1, 2])
            self.assertEqual(p.big_text(100_000), "x" * 100_000)
        self.each(check)

    def test_pair(self):
        expected = {"serpent": (1, "two"), "json": [1, "two"], "msgpack": [1, "two"]}
        self.each(lambda p, s: self.assertEqual(p.pair(), expected[s]))

    def test_bytes(self):
        def check(p, serializer):
            if serializer == "json":
                with self.assertRaises(Pyro5.errors.SerializeError):
                    p.blob(300)
                return
            blob = p.blob(300)
            if serializer == "serpent":
                blob = serpent.tobytes(blob)
            self.assertEqual(blob, bytes(i % 256 for i in range(300)))
            self.assertEqual(p.size(b"x" * 1000), 1000)
        self.each(check)

    def test_arguments(self):
        def check(p, _):
            self.assertEqual(p.describe(1), {"first": 1, "second": 2, "third": "three"})
            self.assertEqual(p.describe(1, third="drie"), {"first": 1, "second": 2, "third": "drie"})
            self.assertEqual(p.collect(1, 2, x=3), {"args": [1, 2], "kwargs": {"x": 3}})
            with self.assertRaisesRegex(TypeError, "missing 1 required positional argument: 'first'"):
                p.describe()
            with self.assertRaisesRegex(TypeError, "from 2 to 4 positional arguments but 5 were given"):
                p.describe(1, 2, 3, 4)
            with self.assertRaisesRegex(TypeError, "unexpected keyword argument 'wrong'"):
                p.describe(1, wrong=2)
        self.each(check)

    def test_exceptions(self):
        def check(p, _):
            with self.assertRaises(ZeroDivisionError) as caught:
                p.divide(1, 0)
            traceback = "".join(Pyro5.errors.get_pyro_traceback(type(caught.exception), caught.exception, None))
            self.assertIn("divide of compat.object", traceback)
            for kind in [ValueError, KeyError, TypeError, RuntimeError, IndexError, LookupError, NotImplementedError,
                         PermissionError, FileNotFoundError, TimeoutError, Pyro5.errors.PyroError,
                         Pyro5.errors.NamingError, Pyro5.errors.DaemonError]:
                with self.assertRaises(kind) as caught:
                    p.fail(kind.__name__, "so it is")
                self.assertIs(type(caught.exception), kind)
                self.assertEqual(caught.exception.args, ("so it is",))
                self.assertIsInstance(caught.exception._pyroTraceback, list)
            with self.assertRaisesRegex(Pyro5.errors.PyroError, "HomemadeError"):
                p.fail_homemade()
            self.assertEqual(p.divide(-7, 2), -4)
        self.each(check)

    def test_attributes_and_special_methods(self):
        def check(p, _):
            p.level = 11
            self.assertEqual(p.level, 11)
            with self.assertRaisesRegex(ValueError, "level cannot be negative"):
                p.level = -1
            self.assertEqual(p.level, 11)
            p.level = 10
            self.assertEqual(p.version, "compat-1")
            with self.assertRaises(AttributeError):
                p.version = "x"
            self.assertEqual(len(p), 3)
            self.assertEqual(p[1], "one")
            self.assertEqual(list(p), ["zero", "one", "two"])
            with self.assertRaises(IndexError):
                p[3]
        self.each(check)

    def test_names_that_cannot_be_reached(self):
        def check(p, _):
            for name in ["hidden", "_secret", "unheard", "__init__", "a.b"]:
                with self.assertRaises(AttributeError):
                    p._pyroInvoke(name, (), {})
            with self.assertRaises(AttributeError):
                p.hidden()
            with self.assertRaises(AttributeError):
                p._pyroInvoke("__getattr__", ("nothing",), None)
            with self.assertRaisesRegex(Pyro5.errors.DaemonError, "unknown object"):
                p._pyroInvoke("echo", (1,), {}, objectId="nobody")
            self.assertEqual(p.echo(1), 1)
        self.each(check)


class Ways(EachSerializer):
    def test_oneway(self):
        def check(p, _):
            p.reset_bumps()
            self.assertIsNone(p.bump())
            self.assertIsNone(p.bump(by=2, delay=1))
            self.assertEqual(p.bumps(), 1)
            deadline = time.time() + 10
            while p.bumps() != 3 and time.time() < deadline:
                pass
            self.assertEqual(p.bumps(), 3)
        self.each(check)

    def test_batches(self):
        def check(p, _):
            batch = Pyro5.api.BatchProxy(p)
            for n in range(5):
                batch.add(n, n)
            self.assertEqual(list(batch()), [0, 2, 4, 6, 8])
            batch.add(1, 1)
            batch.divide(1, 0)
            batch.add(2, 2)
            results = batch()
            self.assertEqual(next(results), 2)
            with self.assertRaises(ZeroDivisionError):
                next(results)
            p.reset_bumps()
            for _ in range(4):
                batch.bump()
            self.assertIsNone(batch(oneway=True))
            self.assertEqual(p.bumps(), 4)
        self.each(check)

    def test_streams(self):
        def check(p, _):
            self.assertEqual(list(p.count_to(5)), [1, 2, 3, 4, 5])
            self.assertEqual(list(p.count_to(0)), [])
            broken = p.count_then_fail(2)
            self.assertEqual([next(broken), next(broken)], [1, 2])
            with self.assertRaisesRegex(ValueError, "stream broke"):
                next(broken)
            some = p.count_to(1000)
            self.assertEqual(next(some), 1)
            some.close()
            with self.assertRaises(StopIteration):
                next(some)
            lasting = p.count_to(3)
            self.assertEqual(next(lasting), 1)
            p._pyroReconnect()
            self.assertEqual(next(lasting), 2)
        self.each(check)

    def test_references(self):
        def check(p, _):
            one, two = p.spawn("one"), p.spawn("two")
            self.assertIsInstance(one, Pyro5.client.Proxy)
            self.assertEqual((one.whoami(), two.whoami()), ("one", "two"))
            p._pyroRelease()
            self.assertEqual(one.whoami(), "one")
            one._pyroRelease()
            self.assertEqual(one.whoami(), "one")
            echoed = p.echo(two)
            self.assertEqual(echoed, two)
            self.assertEqual(p.echo(Pyro5.core.URI("PYRONAME:x")), Pyro5.core.URI("PYRONAME:x"))
        self.each(check)

    def test_callbacks(self):
        @Pyro5.api.expose
        class Receiver:
            def receive(self, value):
                if value == "no":
                    raise KeyError("not that one")
                return ["got", value]

        with Pyro5.api.Daemon(host="127.0.0.1") as daemon:
            thread = threading.Thread(target=daemon.requestLoop)
            thread.start()
            try:
                def check(p, _):
                    receiver = Pyro5.api.Proxy(daemon.register(Receiver()))
                    self.assertEqual(p.call_back(receiver, 7), ["got", 7])
                    with self.assertRaises(KeyError):
                        p.call_back(receiver, "no")
                    with self.assertRaises(TypeError):
                        p.call_back("nobody", 1)
                self.each(check)
            finally:
                daemon.shutdown()
                thread.join()

    def test_sessions(self):
        def check(p, _):
            self.assertEqual([p.next(), p.next(), p.next()], [1, 2, 3])
            p._pyroReconnect()
            self.assertEqual(p.next(), 1)
        self.each(check, SESSION)

    def test_what_travels_beside_calls(self):
        def check(p, _):
            context = Pyro5.api.current_context
            context.correlation_id = uuid.uuid4()
            context.annotations = {"QQIN": b"abc"}
            try:
                self.assertEqual(p.correlation(), str(context.correlation_id))
                self.assertEqual(p.mirror_annotation(), 3)
                self.assertEqual(bytes(context.response_annotations["QQUT"]), b"cba")
                context.annotations = {"QQIN": b"a" * 100_000}
                self.assertEqual(p.mirror_annotation(), 100_000)
            finally:
                context.correlation_id = None
                context.annotations = {}
            uuid.UUID(p.correlation())
        self.each(check)

    def test_compression(self):
        Pyro5.config.COMPRESSION = True
        try:
            self.each(lambda p, _: self.assertEqual(p.echo("x" * 500_000), "x" * 500_000))
        finally:
            Pyro5.config.COMPRESSION = False

    def test_blobs_that_stay_serialized(self):
        def check(p, _):
            blob = Pyro5.client.SerializedBlob("info", [1, "two"])
            self.assertEqual(p.echo(blob), [1, "two"])
        self.each(check)


class Daemon(EachSerializer):
    def test_daemon_object(self):
        def check(p, _):
            self.assertIsNone(p.ping())
            self.assertIn("farcall", p.info())
            self.assertLessEqual({"Pyro.Daemon", "compat.object", "compat.session"}, set(p.registered()))
            self.assertIn("echo", p.get_metadata("compat.object")["methods"])
            with self.assertRaisesRegex(Pyro5.errors.PyroError, "item stream terminated"):
                p.get_next_stream_item("nothing")
        self.each(check, "PYRO:Pyro.Daemon@" + LOCATION)

    def test_refusals(self):
        with self.assertRaisesRegex(Pyro5.errors.CommunicationError, "rejected: unknown object"):
            Pyro5.api.Proxy("PYRO:nobody@" + LOCATION)._pyroBind()
        host, port = LOCATION.rsplit(":", 1)
        for first, words in [
            (b"PYRO\x01\xf5" + bytes(40), b"invalid protocol version: 501"),
            (bytes(44), b"invalid data"),
            (struct.pack("!4sHBBHHII16sHH", b"PYRO", 502, 4, 1, 0, 1, 2, 0, bytes(16), 0, 0x4dc5) + b"()",
             b"invalid msg type 4 received (expected: 1)"),
            (struct.pack("!4sHBBHHII16sHH", b"PYRO", 502, 1, 77, 0, 1, 2, 0, bytes(16), 0, 0x4dc5) + b"()",
             b"unknown serializer 77"),
        ]:
            with socket.create_connection((host, int(port)), timeout=5) as raw:
                raw.sendall(first)
                answer = b""
                while more := raw.recv(4096):
                    answer += more
            self.assertTrue(answer.startswith(b"PYRO\x01\xf6\x03"), answer)
            self.assertIn(words, answer)

    def test_ping(self):
        with Pyro5.api.Proxy(OBJECT) as p:
            p._pyroBind()
            message = Pyro5.protocol.SendingMessage(Pyro5.protocol.MSG_PING, 0, 7, 42, b"ping")
            p._pyroConnection.send(message.data)
            answer = Pyro5.protocol.recv_stub(p._pyroConnection, [Pyro5.protocol.MSG_PING])
            self.assertEqual((answer.seq, bytes(answer.data)), (7, b"pong"))
            self.assertEqual(p.echo(1), 1)

    def test_200_clients_at_once(self):
        failures = []
        gate = threading.Barrier(200)

        def client(number):
            try:
                with Pyro5.api.Proxy(OBJECT) as p:
                    gate.wait(60)
                    assert p.echo(number) == number
                    gate.wait(60)
            except Exception as e:
                failures.append(repr(e))
                gate.abort()
        threads = [threading.Thread(target=client, args=(n,)) for n in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


if __name__ == "__main__":
    unittest.main()
