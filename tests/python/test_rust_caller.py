"""The Rust program CALLER against daemons of real Pyro5, threaded and multiplex, by name servers of both kinds."""

import os
import subprocess
import sys
import time
import unittest

import Pyro5.api
import Pyro5.core
import Pyro5.nameserver

CALLER = os.environ["CALLER"]
NS = os.environ["NS"]


@Pyro5.api.expose
class Label:
    def __init__(self, label):
        self._label = label

    def whoami(self):
        return self._label


@Pyro5.api.expose
class Bench:
    def __init__(self):
        self._level = 10
        self._bumps = 0

    def __len__(self):
        return 3

    @property
    def level(self):
        return self._level

    @level.setter
    def level(self, value):
        self._level = value

    def add(self, a, b):
        return a + b

    def divide(self, a, b):
        return a // b

    def fail(self):
        raise KeyError("k", 7)

    def count_to(self, n):
        yield from range(1, n + 1)

    def count_then_fail(self, n):
        yield from range(1, n + 1)
        raise ValueError("stream broke")

    @Pyro5.api.oneway
    def bump(self, by):
        self._bumps += by

    def bumps(self):
        return self._bumps

    def nap(self, seconds):
        print("napping", flush=True)
        time.sleep(seconds)
        return seconds

    def spawn(self, label):
        spawned = Label(label)
        self._pyroDaemon.register(spawned)
        return spawned

    def same(self, label):
        return label

    def call_back(self, target, value):
        return target.receive(value)

    def blob(self, size):
        return bytes(i % 256 for i in range(size))

    def size(self, data):
        import serpent
        return len(serpent.tobytes(data))

    def annotation(self):
        return bytes(Pyro5.api.current_context.annotations["QQIN"]).decode()

    def correlation(self):
        return str(Pyro5.api.current_context.correlation_id)


def serve(servertype):
    """Hosts the object; prints where."""
    Pyro5.config.SERVERTYPE = servertype
    daemon = Pyro5.api.Daemon(host="127.0.0.1")
    print(daemon.register(Bench(), "bench"), flush=True)
    daemon.requestLoop()


class Daemons(unittest.TestCase):
    def setUp(self):
        self.started = []
        self.addCleanup(self.end)

    def end(self):
        for process in self.started:
            process.kill()
            process.communicate()

    def start(self, *command):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.started.append(process)
        return process

    def daemon(self, servertype):
        process = self.start(sys.executable, __file__, servertype)
        return process, process.stdout.readline().strip()

    def call(self, *uris):
        called = subprocess.run([CALLER, *uris], capture_output=True, text=True, timeout=60)
        self.assertEqual((called.returncode, called.stdout), (0, "done\n"), called.stderr)

    def test_threaded(self):
        self.call(self.daemon("thread")[1])

    def test_multiplex(self):
        self.call(self.daemon("multiplex")[1])

    def test_by_names_of_both_name_servers(self):
        uri = self.daemon("thread")[1]
        python_ns = self.start(sys.executable, "-m", "Pyro5.nameserver", "-n", "127.0.0.1", "-p", "0", "-x")
        for line in python_ns.stdout:
            if line.startswith("URI = "):
                break
        theirs = line.split("@")[1].strip()
        for location in [theirs, NS]:
            with Pyro5.api.Proxy("PYRO:Pyro.NameServer@" + location) as names:
                names.register("bench", uri, metadata={"a", "b"})
            self.call("PYRONAME:bench@" + location, "PYROMETA:b,a@" + location)
        self.call("farname:bench@" + NS, "farmeta:a,b@" + NS)

    def test_a_killed_daemon(self):
        for servertype in ["thread", "multiplex"]:
            daemon, uri = self.daemon(servertype)
            caller = self.start(CALLER, "--waits", uri)
            self.assertEqual(caller.stdout.readline(), "waiting\n")
            self.assertEqual(daemon.stdout.readline(), "napping\n")
            daemon.kill()
            self.assertEqual(caller.communicate(timeout=20)[0], "done\n")


if __name__ == "__main__":
    serve(sys.argv[1])
