"""Spreads a computation over every `squares-server` whose name begins with `worker.`: a thread for each.

    fan_out.py [NAME-SERVER [COUNT]]
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import Pyro5.api

ns = sys.argv[1] if len(sys.argv) > 1 else "localhost:9090"
count = sys.argv[2] if len(sys.argv) > 2 else "10000"

# As many calls as travel in one message: that is several times faster than one each.
BATCH = 100


def squares(uri, numbers):
    """The squares of some numbers, computed at one server. A proxy belongs to the thread that made it."""
    with Pyro5.api.Proxy(uri) as worker:
        found = []
        for start in range(0, len(numbers), BATCH):
            batch = Pyro5.api.BatchProxy(worker)
            for number in numbers[start : start + BATCH]:
                batch.process(number)
            found.extend(batch())
        return found


with Pyro5.api.Proxy(f"PYRO:Pyro.NameServer@{ns}") as names:
    workers = sorted(names.list(prefix="worker.").values())

numbers = range(int(count))
with ThreadPoolExecutor(len(workers)) as threads:
    shares = [numbers[place :: len(workers)] for place in range(len(workers))]
    total = sum(map(sum, threads.map(squares, workers, shares)))
print(f"the squares of {len(numbers)} numbers, from {len(workers)} servers, sum up to {total}")
