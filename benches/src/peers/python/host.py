"""A daemon of Pyro5's with its defaults, but for the type of server."""

import itertools

try:
    import Pyro5.api
    import serpent
except ImportError:
    not_installed("Pyro5")

Pyro5.config.SERVERTYPE = ADDRESS

LINE = "a line of plain text, as programs send them\n"


@Pyro5.api.expose
class Worker:
    level = property(lambda self: 10)

    def process(self, data):
        return data * data

    def echo(self, text):
        return text

    def length(self, text):
        return len(text)

    def text(self, length):
        return (LINE * (length // len(LINE) + 1))[:length]

    def echo_bytes(self, data):
        return data

    def size(self, data):
        return len(serpent.tobytes(data) if isinstance(data, dict) else data)

    def blob(self, size):
        return b"\7" * size

    def numbers(self):
        return itertools.count(1)


def serve():
    daemon = Pyro5.api.Daemon(host="127.0.0.1", port=0)
    daemon.register(Worker(), "worker")
    threading.Thread(target=daemon.requestLoop, daemon=True).start()
    ready(daemon.locationStr)


run(serve, None)
