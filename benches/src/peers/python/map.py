"""What the Python peers share that map over two workers: `run(mapping)` says how long each map took, until its input closes."""

import json
import os
import sys
import time

WORKERS = 2
# The longest that one map may take, in seconds.
PATIENCE = 120


def say(**word):
    print(json.dumps(word), flush=True)


def not_installed(package):
    say(Err=f"not installed: {package}")
    sys.exit(3)


def process(data):
    return data * data


def run(mapping):
    """`mapping` is a context in which workers run; it gives what maps `process` over the numbers up to one."""
    try:
        with mapping() as squares:
            say(Ok=None)
            for line in sys.stdin:
                items = int(line)
                start = time.perf_counter()
                results = squares(items)
                took = time.perf_counter() - start
                if results != [n * n for n in range(items)]:
                    raise ValueError("a wrong result")
                say(Ok=took)
    except Exception as e:
        say(Err=f"{type(e).__name__}: {e}")
    # Threads that still wait for something do not hold it up.
    os._exit(0)
