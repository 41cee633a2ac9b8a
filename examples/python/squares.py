"""Calls a `squares-server`, a Rust program, as if it were a Python one.

    squares.py [NAME-SERVER [NAME]]       e.g. squares.py localhost:9090 worker.1
"""

import sys

import Pyro5.api

ns = sys.argv[1] if len(sys.argv) > 1 else "localhost:9090"
name = sys.argv[2] if len(sys.argv) > 2 else "worker.1"

with Pyro5.api.Proxy(f"PYRONAME:{name}@{ns}") as worker:
    # By place or by name: Rust's method is `fn process(&self, data: i64) -> i64`.
    print("10 squared is", worker.process(10))
    print("12 squared is", worker.process(data=12))

    # What does not fit is refused before the method runs, and the error says which argument it was.
    try:
        worker.process("ten")
    except TypeError as e:
        print("TypeError:", e)

    # A method that is not there is known without asking the server.
    try:
        worker.cube(10)
    except AttributeError as e:
        print("AttributeError:", e)
