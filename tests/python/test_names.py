"""Real Pyro5 against the name service at NS, which Rust programs use as well."""

import os
import re
import socket
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

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

    def test_errors(self):
        uri = "PYRO:x@y:1"

        def check(ns, _):
            ns.register("test.a", uri, metadata=["x"])
            for error, words, call in [
                (Pyro5.errors.NamingError, "unknown name: test.none", lambda: ns.lookup("test.none")),
                (Pyro5.errors.NamingError, "unknown name: test.none", lambda: ns.lookup("test.none", return_metadata=True)),
                (Pyro5.errors.NamingError, "unknown name: test.none", lambda: ns.set_metadata("test.none", ["a"])),
                (Pyro5.errors.NamingError, "name already registered: test.a", lambda: ns.register("test.a", uri, safe=True)),
                (Pyro5.errors.NamingError, "invalid regex: ", lambda: ns.list(regex="[")),
                (Pyro5.errors.NamingError, "invalid regex: ", lambda: ns.remove(regex="*")),
                (Pyro5.errors.NamingError, "own entry", lambda: ns.set_metadata("Pyro.NameServer", ["a"])),
                (Pyro5.errors.PyroError, "invalid uri", lambda: ns.register("test.b", "PYRO:x")),
                (Pyro5.errors.PyroError, "invalid uri", lambda: ns.register("test.b", "")),
                (TypeError, "only URIs or strings can be registered", lambda: ns.register("test.b", 5)),
                (TypeError, "name must be a str", lambda: ns.register(5, uri)),
                (TypeError, "name must be a str", lambda: ns.set_metadata(None, ["a"])),
                (TypeError, "metadata should not be a str, but another iterable", lambda: ns.register("test.b", uri, metadata="a")),
                (TypeError, "metadata should not be a str, but another iterable", lambda: ns.set_metadata("test.a", "a")),
                (TypeError, "not iterable", lambda: ns.register("test.b", uri, metadata=5)),
                (TypeError, "metadata_all should not be a str", lambda: ns.yplookup(meta_all="a")),
                (TypeError, "metadata_any should not be a str", lambda: ns.yplookup(meta_any="a")),
                (TypeError, "missing 1 required positional argument: 'name'", lambda: ns.lookup()),
                (ValueError, "you can only filter on one thing at a time", lambda: ns.list("a", "b")),
                (ValueError, "", lambda: ns.yplookup(["a"], ["b"])),
            ]:
                with self.assertRaises(error) as caught:
                    call()
                self.assertIs(type(caught.exception), error)
                self.assertIn(words, str(caught.exception))
                self.assertIsInstance(caught.exception._pyroTraceback, list)
            self.assertEqual(ns.list(prefix="test."), {"test.a": uri})
        self.each(check)

    def test_regular_expressions_are_those_of_python(self):
        names = ["test.a", "test.b", "test_c", "test.é 1"]

        def check(ns, _):
            for name in names:
                ns.register(name, "PYRO:x@y:1")
            for regex in [
                "test", "^test.*$", r"test\.", r"test\.[ab]$", "(?i)TEST", r"test(?=\.)", "test(?!_)", r"(t)es\1\.", r"(?P<x>t)es(?P=x)_", r"test\.a\Z",
                "est", "x|test_c", r"test\.\w \d", "test.{,2}$", "(?#hm)test", "(?x) test # and more", "(?<!x)test_", ".*[éc]", "", "nothing",
            ]:
                expected = {name for name in names if re.match(regex, name)}
                self.assertEqual(set(ns.list(regex=regex)) & set(names), expected, regex)
            for regex in ["(a+)+$", "(x*)*y" * 20, "((?=t)t?e?s?t?.*)*!", r"(.|.)*\1!", "(?:a{1000}){1000}", "(" * 600, "x" * 10_000]:
                began = time.time()
                try:
                    ns.list(regex=regex)
                except Pyro5.errors.NamingError:
                    pass
                self.assertLess(time.time() - began, 5, regex)
            self.assertEqual(ns.remove(regex=r"test(?=\.)"), 3)
        self.each(check)

    def test_names_and_tags_of_all_kinds(self):
        def check(ns, serializer):
            for name in ["test.%", "test._", "test.a b", "test.é€😀", "test.a/b:c@d", "test.*", "test.."]:
                for tags in [["t", name], ("t", name), *([{"t", name}] if serializer == "serpent" else [])]:
                    ns.register(name, "PYRO:x@y:1", metadata=tags)
                    self.assertEqual(set(ns.lookup(name, return_metadata=True)[1]), {"t", name})
                self.assertEqual(ns.list(prefix=name), {name: "PYRO:x@y:1"})
                self.assertEqual(set(ns.yplookup(meta_all=["t", name])), {name})
                self.assertEqual(ns.remove(prefix=name), 1)
            for uri in ["PYRONAME:x", "PYRONAME:x@h:12", "PYROMETA:a@h:1", "PYRO:x@./u:/tmp/x", "PYRO:x@[::1]:5", "PYRO:é@h h:1"]:
                ns.register("test.uri", uri)
                self.assertEqual(str(ns.lookup("test.uri")), uri)
            found = ns.lookup("test.uri", return_metadata=True)
            self.assertEqual((type(found), set(found[1])), (tuple if serializer == "serpent" else list, set()))
            self.assertEqual(set(ns.yplookup(meta_all=["class:Pyro5.nameserver.NameServer"])), {"Pyro.NameServer"})
        self.each(check)

    def test_resolution(self):
        ns = Pyro5.api.locate_ns(HOST, PORT)
        ns.set_metadata("compat.object", ["one", "two"])
        for uri in ["PYRONAME:compat.object", "PYROMETA:one", "PYROMETA:two,one"]:
            with Pyro5.api.Proxy(f"{uri}@{HOST}:{PORT}") as p:
                p._pyroBind()
                self.assertEqual(p.echo(1), 1)
                self.assertEqual(p._pyroUri, ns.lookup("compat.object"))
        for uri in ["PYRONAME:test.none", "PYROMETA:one,three"]:
            with self.assertRaises(Pyro5.errors.NamingError), Pyro5.api.Proxy(f"{uri}@{HOST}:{PORT}") as p:
                p._pyroBind()
        before = Pyro5.config.as_dict()
        try:
            Pyro5.config.NS_HOST, Pyro5.config.NS_PORT = HOST, PORT
            self.assertEqual(Pyro5.api.locate_ns(broadcast=False).lookup("compat.object"), ns.lookup("compat.object"))
            # Nobody is there, so that it is searched.
            Pyro5.config.NS_PORT, Pyro5.config.NS_BCPORT, Pyro5.config.BROADCAST_ADDRS = 1, BCPORT, ["127.0.0.1"]
            self.assertIsNone(Pyro5.api.locate_ns().ping())
        finally:
            for item in ["NS_HOST", "NS_PORT", "NS_BCPORT", "BROADCAST_ADDRS"]:
                setattr(Pyro5.config, item, before[item])

    def test_the_gateway(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {**os.environ, "PYRO_NS_HOST": HOST, "PYRO_NS_PORT": str(PORT)}
        command = [sys.executable, "-u", "-m", "Pyro5.utils.httpgateway", "-p", str(port), "-e", "compat"]
        with subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as gateway:
            try:
                for line in gateway.stdout:
                    if "running on" in line:
                        break

                def get(path):
                    try:
                        with urllib.request.urlopen(f"http://127.0.0.1:{port}/pyro/{path}", timeout=10) as answer:
                            return answer.status, answer.read().decode()
                    except urllib.error.HTTPError as error:
                        return error.code, error.read().decode()
                self.assertEqual(get("compat.object/echo?value=5"), (200, '"5"'))
                self.assertEqual(get("compat.object/describe?first=1&third=x"), (200, '{"first": "1", "second": 2, "third": "x"}'))
                self.assertEqual(get("compat.object/level")[0], 200)
                self.assertIn('"echo"', get("compat.object/$meta")[1])
                for path, words in [("fail?kind=ValueError&message=boo", "builtins.ValueError"), ("hidden", "AttributeError")]:
                    status, text = get("compat.object/" + path)
                    self.assertEqual(status, 500)
                    self.assertIn(words, text)
            finally:
                gateway.terminate()

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
        self.assertIn("test.tool", nsc("yplookup_any", "two", "three"))
        self.assertIn("test.tool", nsc("list", "test."))
        self.assertIn("Removed", nsc("remove", "test.tool"))
        nsc("register", "test.tool", "PYRO:x@y:1")
        nsc("removematching", "test.*", answer="y\n")
        self.assertNotIn("test.tool", nsc("-v", "list"))
        done = subprocess.run([sys.executable, "-m", "Pyro5.nsc", "-n", HOST, "-p", str(PORT), "lookup", "test.none"], capture_output=True, text=True)
        self.assertIn("Error: NamingError - unknown name: test.none", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
