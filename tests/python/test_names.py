"""Real Pyro5 against the name service at NS, which Rust programs use as well."""

import os
import socket
import subprocess
import sys
import unittest

import Pyro5.api
import Pyro5.core
import Pyro5.errors

HOST, PORT = os.environ["NS"].rsplit(":", 1)
PORT = int(PORT)
BCPORT = int(os.environ["BCPORT"])
WORKER = os.environ["WORKER_URI"]


class Names(unittest.TestCase):
    def each(self, check):
        for serializer in ["serpent", "json", "msgpack"]:
            with self.subTest(serializer=serializer), Pyro5.api.Proxy(f"PYRO:Pyro.NameServer@{HOST}:{PORT}") as ns:
                ns._pyroSerializer = serializer
                ns.remove(prefix="test.")
                check(ns, serializer)

    def test_register_and_look_up(self):
        def check(ns, _):
            uri = Pyro5.core.URI("PYRO:thing@somewhere:4444")
            before = ns.count()
            ns.register("test.a", uri, metadata=["x", "y"])
            ns.register("test.b é b", "PYRO:other@somewhere:4444")
            self.assertEqual(ns.count(), before + 2)
            found = ns.lookup("test.a")
            self.assertIsInstance(found, Pyro5.core.URI)
            self.assertEqual(found, uri)
            found, tags = ns.lookup("test.a", return_metadata=True)
            self.assertEqual((found, set(tags)), (uri, {"x", "y"}))
            with self.assertRaisesRegex(Pyro5.errors.NamingError, "name already registered: test.a"):
                ns.register("test.a", uri, safe=True)
            ns.register("test.a", "PYRO:new@somewhere:4444")
            self.assertEqual(str(ns.lookup("test.a")), "PYRO:new@somewhere:4444")
            self.assertEqual(set(ns.lookup("test.a", return_metadata=True)[1]), set())
            with self.assertRaisesRegex(Pyro5.errors.NamingError, "unknown name: test.none"):
                ns.lookup("test.none")
            with self.assertRaises(TypeError):
                ns.register("test.c", 42)
            with self.assertRaises(TypeError):
                ns.register("test.c", uri, metadata="text")
            with self.assertRaisesRegex(Pyro5.errors.PyroError, "invalid uri"):
                ns.register("test.c", "nonsense")
        self.each(check)

    def test_lists(self):
        def check(ns, _):
            for name, tags in [("test.a_1", ["t1"]), ("test.ab2", ["t1", "t2"]), ("test.A_3", None)]:
                ns.register(name, "PYRO:x@y:1", metadata=tags)
            self.assertEqual(set(ns.list(prefix="test.a_")), {"test.a_1"})
            self.assertEqual(set(ns.list(regex=r"test\.a")), {"test.a_1", "test.ab2"})
            self.assertEqual(ns.list(prefix="test.a_"), {"test.a_1": "PYRO:x@y:1"})
            listed = ns.list(prefix="test.", return_metadata=True)
            self.assertEqual({name: set(tags) for name, (_, tags) in listed.items()},
                             {"test.a_1": {"t1"}, "test.ab2": {"t1", "t2"}, "test.A_3": set()})
            self.assertIn("Pyro.NameServer", ns.list())
            with self.assertRaisesRegex(Pyro5.errors.NamingError, "invalid regex"):
                ns.list(regex="(")
            with self.assertRaises(ValueError):
                ns.list(prefix="a", regex="b")
            self.assertEqual(ns.list(regex="(a*)*b" * 20), {})
            self.assertEqual(set(ns.yplookup(meta_all=["t1", "t2"])), {"test.ab2"})
            self.assertEqual(set(ns.yplookup(meta_any=["t2", "t1"], return_metadata=False)), {"test.a_1", "test.ab2"})
            self.assertEqual(ns.yplookup(), {})
            with self.assertRaises(TypeError):
                ns.yplookup(meta_all="t1")
            ns.set_metadata("test.A_3", {"new"} if ns._pyroSerializer == "serpent" else ["new"])
            self.assertEqual(set(ns.yplookup(meta_any=["new"])), {"test.A_3"})
            self.assertEqual(ns.remove(regex=r"test\.a"), 2)
            self.assertEqual(ns.remove("test.A_3"), 1)
            self.assertEqual(ns.remove("test.A_3"), 0)
            self.assertEqual(ns.remove("Pyro.NameServer"), 0)
            self.assertEqual(ns.remove(), 0)
            self.assertIsNone(ns.ping())
        self.each(check)

    def test_names_of_rust_programs(self):
        ns = Pyro5.api.locate_ns(HOST, PORT)
        self.assertEqual(str(ns.lookup("Worker")), WORKER)
        with Pyro5.api.Proxy(f"PYRONAME:Worker@{HOST}:{PORT}") as worker:
            self.assertEqual(worker.process(10), 100)

    def test_a_search_by_broadcast(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(5)
            for junk in [b"GET_NSURI\n", b"", b"x" * 200]:
                asker.sendto(junk, ("127.0.0.1", BCPORT))
            asker.sendto(b"GET_NSURI", ("127.0.0.1", BCPORT))
            answer, _ = asker.recvfrom(100)
        self.assertEqual(answer.decode(), f"PYRO:Pyro.NameServer@{HOST}:{PORT}")

    def test_pyros_own_tool(self):
        def nsc(*arguments, answer=None):
            command = [sys.executable, "-m", "Pyro5.nsc", "-n", HOST, "-p", str(PORT), *arguments]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, input=answer)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout
        self.assertIn("ping ok", nsc("ping"))
        self.assertIn("Registered", nsc("register", "test.tool", "PYRO:x@y:1"))
        self.assertIn("PYRO:x@y:1", nsc("lookup", "test.tool"))
        self.assertIn("Metadata updated", nsc("setmeta", "test.tool", "one", "two"))
        self.assertIn("test.tool", nsc("yplookup_all", "one", "two"))
        self.assertIn("test.tool", nsc("listmatching", "test.t"))
        self.assertIn("Pyro.NameServer", nsc("list"))
        self.assertIn("Removed", nsc("remove", "test.tool"))


if __name__ == "__main__":
    unittest.main()
