"""Pyro5. A proxy has one call in flight, so many in flight are many threads with a proxy each."""

from concurrent.futures import ThreadPoolExecutor

try:
    import Pyro5.api
except ImportError:
    not_installed("Pyro5")

# Its server has a thread for each connection.
MAX_PROXIES = 512

Pyro5.config.THREADPOOL_SIZE = MAX_PROXIES
Pyro5.config.SOCK_NODELAY = True
# The fastest of its serializers, and it carries bytes as they are.
Pyro5.config.SERIALIZER = "marshal"


@Pyro5.api.expose
class Worker:
    def process(self, data):
        return data * data

    def echo(self, data):
        return data


def serve():
    daemon = Pyro5.api.Daemon(host="127.0.0.1", port=0)
    daemon.register(Worker(), "worker")
    threading.Thread(target=daemon.requestLoop, daemon=True).start()
    ready(daemon.locationStr)


def connect():
    proxies, callers = [], ThreadPoolExecutor(MAX_PROXIES)

    def one(calls, proxy):
        proxy._pyroClaimOwnership()
        return calls.one_by_one(proxy.echo if calls.bytes else proxy.process)

    def call(calls):
        while len(proxies) < calls.window:
            proxies.append(Pyro5.api.Proxy(f"PYRO:worker@{ADDRESS}"))
            proxies[-1]._pyroBind()
        if calls.window == 1:
            nanos = one(calls, proxies[0])
            return len(nanos), nanos
        ended = callers.map(lambda proxy: len(one(calls, proxy)), proxies[: calls.window])
        return sum(ended), []

    return call


run(serve, connect)
