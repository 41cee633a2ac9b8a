"""What a Python program can do with a Rust object: here with that of the program `pyro-object`.

    tour.py [NAME-SERVER]
"""

import sys

import Pyro5.api
import Pyro5.errors
import serpent

ns = sys.argv[1] if len(sys.argv) > 1 else "localhost:9090"
thing = Pyro5.api.Proxy(f"PYRONAME:compat.object@{ns}")

# Arguments that are missing have their defaults, and others may be of any number.
print("describe:", thing.describe("one", third="three"))
print("collect:", thing.collect(1, 2, colour="red"))

# Attributes and special methods.
thing.level = 11
print("level:", thing.level, "length:", len(thing), "item 1:", thing[1])
thing.level = 10

# Exceptions are Python's own classes, and carry where they came from.
try:
    thing.divide(1, 0)
except ZeroDivisionError as e:
    print("ZeroDivisionError:", e)
    print("".join(Pyro5.errors.get_pyro_traceback()).splitlines()[0])

# A stream: items are fetched as the loop asks for them.
print("stream:", sum(thing.count_to(100)))

# A batch: many calls in one message, run one after the other; the first that fails ends it.
batch = Pyro5.api.BatchProxy(thing)
for number in range(5):
    batch.add(number, 1)
print("batch:", list(batch()))

# One-way: the call returns at once. Later calls over the same connection begin after it.
thing.reset_bumps()
for _ in range(3):
    thing.bump()
print("bumps:", thing.bumps())

# Bytes: serpent, the default serializer, writes them as base64 and leaves it to the reader to ask for them.
print("bytes:", serpent.tobytes(thing.blob(4)))

# A method that gives an object: it arrives as a proxy, and lives as long as that is connected, and five minutes more.
child = thing.spawn("a child")
print("child:", child.whoami())

# One instance for each connection.
session = Pyro5.api.Proxy(f"PYRONAME:compat.session@{ns}")
print("session:", session.next(), session.next())
session._pyroRelease()
print("after a new connection:", session.next())
