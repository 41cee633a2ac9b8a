"""Members and arguments of the program `pyro-object`: what is offered, and the words for what is not."""

import threading
import time
import uuid

import Pyro5.api
import Pyro5.client
import Pyro5.errors
import Pyro5.protocol

from common import EachSerializer, LOCATION, OBJECT, SESSION

METHODS = {
    "echo", "add", "describe", "collect", "nothing", "sample", "pair", "blob", "size", "big_text", "divide", "fail", "fail_homemade", "nap",
    "bump", "bumps", "reset_bumps", "count_to", "count_then_fail", "spawn", "call_back", "correlation", "mirror_annotation", "__len__",
    "__getitem__",
}


class Members(EachSerializer):
    def test_metadata(self):
        def check(p, _):
            p._pyroBind()
            self.assertEqual((p._pyroMethods, p._pyroAttrs, p._pyroOneway), (METHODS, {"level", "version"}, {"bump"}))
            self.assertLessEqual(METHODS | {"level", "version"}, set(dir(p)))
            for name, there in [("echo", True), ("level", True), ("hidden", False), ("_secret", False), ("nothing_such", False)]:
                self.assertEqual(hasattr(p, name), there)
        self.each(check)
        self.each(lambda p, _: self.assertEqual((p._pyroBind(), p._pyroMethods)[1], {"next"}), SESSION)
        daemon = {"ping", "info", "registered", "get_metadata", "get_next_stream_item", "close_stream"}
        self.each(lambda p, _: self.assertEqual((p._pyroBind(), p._pyroMethods)[1], daemon), "PYRO:Pyro.Daemon@" + LOCATION)

    def test_names_that_are_refused(self):
        def check(p, _):
            for name, words in [
                ("hidden", "attempt to access unexposed attribute 'hidden'"), ("level", "attempt to access unexposed attribute 'level'"),
                ("_secret", "attempt to access private attribute '_secret'"), ("__init__", "attempt to access private attribute '__init__'"),
                ("__class__", "private"), ("__reduce__", "private"), ("____", "private"), ("_", "private"),
                ("nothing_such", "object has no attribute 'nothing_such'"), ("a.b", "object has no attribute 'a.b'"),
                ("", "no attribute ''"), ("__iter__", "no attribute '__iter__'"), ("<batch>", "no attribute"), ("é", "no attribute 'é'"),
            ]:
                self.raises(AttributeError, words, p._pyroInvoke, name, (), {})
            for name in ["hidden", "echo", "_secret", "__class__", "nothing_such", "a.b"]:
                self.raises(AttributeError, "attribute", p._pyroInvoke, "__getattr__", (name,), None)
                self.raises(AttributeError, "attribute", p._pyroInvoke, "__setattr__", (name, 1), None)
            with self.assertRaisesRegex(AttributeError, "has no exposed attribute or method 'hidden'"):
                p.hidden()
            self.assertEqual(p.echo(1), 1)
        self.each(check)

    def test_attributes(self):
        def check(p, _):
            for value in [0, 1.5, True, 2**200, 11]:
                p.level = value
                self.assertEqual(p.level, value)
            for value in [-1, -0.5, -2**200]:
                with self.assertRaisesRegex(ValueError, "^level cannot be negative$"):
                    p.level = value
            for value in ["x", None, [1]]:
                with self.assertRaises(TypeError):
                    p.level = value
            self.assertEqual(p.level, 11)
            p.level = 10
            with self.assertRaisesRegex(AttributeError, "unexposed or unknown remote attribute 'version'"):
                p.version = "x"
        self.each(check)

    def test_special_methods(self):
        def check(p, _):
            self.assertEqual([p[0], p[-1], p[-3], p[True]], ["zero", "two", "zero", "one"])
            self.assertTrue("one" in p and "four" not in p and bool(p))
            for place in [3, -4, 2**70, 2**200]:
                self.raises(IndexError, "", p._pyroInvoke, "__getitem__", (place,), {})
            for place in ["a", 1.5, None, [1], {}]:
                self.raises(TypeError, "list indices must be integers or slices, not", p._pyroInvoke, "__getitem__", (place,), {})
            with self.assertRaises(AttributeError):
                p[0] = 1
        self.each(check)

    def test_arguments_that_do_not_fit(self):
        def check(p, _):
            for args, kwargs, words in [
                ((), {}, r"describe\(\) missing 1 required positional argument: 'first'"), ((), {"second": 1}, "missing 1 required"),
                ((1, 2, 3, 4), {}, r"describe\(\) takes from 2 to 4 positional arguments but 5 were given"),
                ((1,), {"first": 2}, r"describe\(\) got multiple values for argument 'first'"),
                ((1,), {"other": 2}, r"describe\(\) got an unexpected keyword argument 'other'"),
            ]:
                with self.assertRaisesRegex(TypeError, words):
                    p.describe(*args, **kwargs)
            for name, words in [("add", "missing 2 required positional arguments: 'a' and 'b'"), ("echo", "missing 1 required")]:
                self.raises(TypeError, words, getattr(p, name))
            for name in METHODS - {"collect", "bump", "__len__", "__getitem__"}:
                self.raises(TypeError, f"{name}() takes ", getattr(p, name), *range(5))
                self.raises(TypeError, f"{name}() got an unexpected keyword argument 'wrong'", getattr(p, name), wrong=1)
            self.assertEqual(p.collect(self_=1, method=2, **{"é": 3, "a b": 4}), {"args": [], "kwargs": {"self_": 1, "method": 2, "é": 3, "a b": 4}})
            self.assertEqual(p._pyroInvoke("describe", [1], None), {"first": 1, "second": 2, "third": "three"})
            for name, value in [("blob", "x"), ("big_text", None), ("nap", "x"), ("size", 5), ("count_to", "x")]:
                self.raises(TypeError, "", getattr(p, name), value)
        self.each(check)

    def test_failures(self):
        def check(p, _):
            for message in ["", "héllo €\n'\"", None, 5, ["a", 1], 2**200, {"a": 1}]:
                for kind in ["ValueError", "KeyError", "TimeoutError", "NamingError"]:
                    with self.assertRaises(Exception) as caught:
                        p.fail(kind, message)
                    self.assertEqual((type(caught.exception).__name__, caught.exception.args), (kind, (message,)))
            with self.assertRaises(ZeroDivisionError) as caught:
                p.divide(1, 0)
            self.assertEqual(caught.exception._pyroTraceback[-1], "ZeroDivisionError: integer division or modulo by zero\n")
            bound = p._pyroConnection
            self.raises(Pyro5.errors.PyroError, "HomemadeError", p.fail_homemade)
            self.assertIs(p._pyroConnection, bound)
        self.each(check)


class Ways(EachSerializer):
    def test_oneway_calls(self):
        def check(p, _):
            p.reset_bumps()
            # None of these is answered, whatever becomes of it.
            for args, kwargs in [(("x",), {}), ((), {"wrong": 1}), ((1, 2, 3), {}), ((), {"delay": -1})]:
                self.assertIsNone(p.bump(*args, **kwargs))
            for name in ["echo", "hidden", "_secret", "nothing_such", "fail_homemade"]:
                self.assertIsNone(p._pyroInvoke(name, (), {}, flags=Pyro5.protocol.FLAGS_ONEWAY))
            p.bump(2**200)
            p._pyroOneway = set()
            self.assertIsNone(p.bump(1.5))
            self.assertEqual(p.bumps(), 2.0**200)
            p.reset_bumps()
            p._pyroReconnect()
            began = time.time()
            for _ in range(50):
                p.bump()
                p.bumps()
            # A daemon that acknowledges late takes two seconds.
            self.assertLess(time.time() - began, 1)
            p.reset_bumps()
        self.each(check)

    def test_batches(self):
        def results(p, *calls, **how):
            batch = Pyro5.api.BatchProxy(p)
            for name, *args in calls:
                getattr(batch, name)(*args)
            found = batch(**how)
            return found if found is None else list(found)

        def check(p, serializer):
            self.assertEqual(results(p), [])
            self.assertEqual(results(p, *[("add", i, i) for i in range(500)]), [2 * i for i in range(500)])
            self.assertIsNone(results(p, ("divide", 1, 0), ("nothing_such",), oneway=True))
            self.assertIsNone(results(p, oneway=True))
            self.raises(AttributeError, "nothing_such", results, p, ("echo", 1), ("nothing_such",))
            self.raises(AttributeError, "private", results, p, ("_pyroInvoke_",))
            self.raises(TypeError, "missing", results, p, ("describe",))
            with self.assertRaises(TypeError):
                results(p, ("echo", 1), ("count_to", 3))
            self.assertEqual(results(p, ("spawn", "a"))[0].whoami(), "a")
        self.each(check)

    def test_streams(self):
        def check(p, _):
            streams = [p.count_to(20) for _ in range(20)]
            self.assertEqual([[next(it) for it in streams] for _ in range(20)], [[n] * 20 for n in range(1, 21)])
            for it in streams:
                with self.assertRaises(StopIteration):
                    next(it)
            it = p.count_to(5)
            with Pyro5.api.Proxy(OBJECT) as other:
                self.assertEqual(other._pyroInvoke("get_next_stream_item", (it.streamId,), {}, objectId="Pyro.Daemon"), 1)
                it.close()
                p.echo(1)
                self.raises(Pyro5.errors.PyroError, "item stream terminated", other._pyroInvoke, "get_next_stream_item", (it.streamId,), {},
                            objectId="Pyro.Daemon")
            for n in range(200):
                next(p.count_to(2))
        self.each(check)

    def test_references_inside_of_values(self):
        def check(p, _):
            one = p.spawn({"any": ["label"]})
            self.assertEqual(one.whoami(), {"any": ["label"]})
            found = p.echo({"x": [one, [one]]})["x"]
            self.assertEqual((found[0], found[1][0].whoami()), (one, one.whoami()))
            self.assertEqual(p.collect(one, k=one)["kwargs"]["k"].whoami(), one.whoami())
            self.assertEqual((one._pyroMethods, one._pyroAttrs, one._pyroOneway), ({"whoami"}, set(), set()))
            self.raises(AttributeError, "no attribute 'nothing_such'", one._pyroInvoke, "nothing_such", (), {})
            self.assertEqual(Pyro5.api.Proxy(str(one._pyroUri)).whoami(), one.whoami())
            self.assertEqual(p.echo(Pyro5.api.Proxy(SESSION)).next(), 1)
        self.each(check)

    def test_sessions_are_of_connections(self):
        def check(p, _):
            with Pyro5.api.Proxy(SESSION) as other:
                self.assertEqual([p.next(), other.next(), p.next(), other.next()], [1, 1, 2, 2])
            # Also for those who connected to another object.
            with Pyro5.api.Proxy(OBJECT) as other:
                other._pyroBind()
                self.assertEqual([other._pyroInvoke("next", (), {}, objectId="compat.session") for _ in range(3)], [1, 2, 3])
        self.each(check, SESSION)

    def test_timeouts_and_sequence_numbers(self):
        def check(p, _):
            p._pyroTimeout = 0.2
            with self.assertRaises(Pyro5.errors.TimeoutError):
                p.nap(5)
            p._pyroTimeout = 20
            p._pyroBind()
            p._pyroSeq = 65_534
            self.assertEqual([p.echo(n) for n in range(4)], [0, 1, 2, 3])
        self.each(check)

    def test_callbacks_belong_to_their_call(self):
        @Pyro5.api.expose
        class Receiver:
            def receive(self, value):
                if value == "fail":
                    raise LookupError("not here")
                return [str(Pyro5.api.current_context.correlation_id), value]

        with Pyro5.api.Daemon(host="127.0.0.1") as daemon:
            receiver = Pyro5.client.Proxy(daemon.register(Receiver()))
            thread = threading.Thread(target=daemon.requestLoop)
            thread.start()
            context = Pyro5.api.current_context
            try:
                def check(p, _):
                    context.correlation_id = uuid.uuid4()
                    self.assertEqual(p.call_back(receiver, 2**100), [str(context.correlation_id), 2**100])
                    self.raises(LookupError, "not here", p.call_back, receiver, "fail")
                    nobody = Pyro5.client.Proxy("PYRO:nobody@127.0.0.1:1")
                    self.raises(Pyro5.errors.CommunicationError, "was not called", p.call_back, nobody, 1)
                    self.assertEqual(p.echo(1), 1)
                self.each(check)
            finally:
                context.correlation_id = None
                daemon.shutdown()
                thread.join()
