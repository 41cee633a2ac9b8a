"""Is called back by a Rust object: `pyro-object` calls `receive` on the object that it is given.

    callback.py [NAME-SERVER]
"""

import sys
import threading

import Pyro5.api

ns = sys.argv[1] if len(sys.argv) > 1 else "localhost:9090"


@Pyro5.api.expose
class Listener:
    def receive(self, value):
        print("called back with", value)
        return value * 2


# Pyro's callbacks come over a connection of their own, so the caller hosts the listener in a daemon.
with Pyro5.api.Daemon() as daemon:
    listener = Listener()
    daemon.register(listener)
    threading.Thread(target=daemon.requestLoop, daemon=True).start()

    with Pyro5.api.Proxy(f"PYRONAME:compat.object@{ns}") as thing:
        # A registered object arrives as a proxy of itself.
        print("the method gave", thing.call_back(listener, 21))
    daemon.shutdown()
