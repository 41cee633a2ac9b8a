"""Clients of Pyro5's own, unmodified and with its defaults but for the serializer, whoever serves them."""

try:
    import Pyro5.api
    import serpent
except ImportError:
    not_installed("Pyro5")

WHAT, SERIALIZER, CLIENTS, LOCATION = ADDRESS.split()

Pyro5.config.SERIALIZER = SERIALIZER

LINE = "a line of plain text, as programs send them\n"

# As many calls as go in one message.
BATCH = 100


def text(length):
    return (LINE * (length // len(LINE) + 1))[:length]


def ensure(right):
    if not right:
        raise ValueError("a wrong answer")


def process(proxy, calls):
    ensure(proxy.process(3) == 9)
    return 1


def attribute(proxy, calls):
    ensure(proxy.level == 10)
    return 1


def batch(proxy, calls):
    batch = Pyro5.api.BatchProxy(proxy)
    for number in range(BATCH):
        batch.process(number)
    ensure(sum(batch()) == 328350)
    return BATCH


def text_echo(proxy, calls):
    ensure(len(proxy.echo(calls.text)) == calls.bytes)
    return 1


def text_in(proxy, calls):
    ensure(proxy.length(calls.text) == calls.bytes)
    return 1


def text_out(proxy, calls):
    ensure(len(proxy.text(calls.bytes)) == calls.bytes)
    return 1


def binary(data):
    """Bytes, which serpent delivers as a dict."""
    return serpent.tobytes(data) if isinstance(data, dict) else data


def bytes_echo(proxy, calls):
    ensure(len(binary(proxy.echo_bytes(calls.data))) == calls.bytes)
    return 1


def bytes_in(proxy, calls):
    ensure(proxy.size(calls.data) == calls.bytes)
    return 1


def bytes_out(proxy, calls):
    ensure(len(binary(proxy.blob(calls.bytes))) == calls.bytes)
    return 1


def items(proxy, calls):
    """An item is a call."""
    count = 0
    for count, item in enumerate(proxy.numbers(), 1):
        ensure(item == count)
        if calls.enough.is_set():
            break
    return count


def until_enough(proxy, calls):
    once, count = globals()[WHAT], 0
    while not (count and calls.enough.is_set()):
        count += once(proxy, calls)
    return count


def connect():
    proxies, refused = [], 0
    for _ in range(int(CLIENTS)):
        proxy = Pyro5.api.Proxy(f"PYRO:worker@{LOCATION}")
        try:
            proxy._pyroBind()
        except Pyro5.errors.CommunicationError:
            refused += 1
        else:
            proxies.append(proxy)

    def call(calls):
        calls.text, calls.refused = text(calls.bytes), refused
        if len(proxies) == 1:
            return until_enough(proxies[0], calls), []
        counts, errors = [], []

        def client(proxy):
            proxy._pyroClaimOwnership()
            try:
                counts.append(until_enough(proxy, calls))
            except Exception as e:
                errors.append(e)

        threads = [threading.Thread(target=client, args=[proxy]) for proxy in proxies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return sum(counts), []

    return call


run(None, connect)
