"""Hosts a Python object that Rust programs call: the contract of `squares-server`, in Python.

    host.py [NAME-SERVER [NAME]]

Rust finds it by its name, with the proxy that it has for Rust objects:

    blocking-client --ns localhost:9090 --name worker.py 12
    nsc --ns localhost:9090 call worker.py process 12
"""

import sys

import Pyro5.api

ns = sys.argv[1] if len(sys.argv) > 1 else "localhost:9090"
name = sys.argv[2] if len(sys.argv) > 2 else "worker.py"


@Pyro5.api.expose
class Squarer:
    def process(self, data):
        return data * data


with Pyro5.api.Daemon() as daemon:
    uri = daemon.register(Squarer)
    # `ns` keeps the name as `pyro5-ns` would: without a lease, until somebody removes it.
    with Pyro5.api.Proxy(f"PYRO:Pyro.NameServer@{ns}") as names:
        names.register(name, uri)
    print("Ready. Object uri =", uri, flush=True)
    daemon.requestLoop()
