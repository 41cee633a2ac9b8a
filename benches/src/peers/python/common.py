"""What the Python peers share: an end speaks with the program that started it in lines of JSON, until its input closes."""

import json
import os
import sys
import threading
import time

ROLE, ADDRESS = sys.argv[1:]


def say(**word):
    print(json.dumps(word), flush=True)


def not_installed(package):
    say(Err=f"{package} is not installed: pip install {package}")
    sys.exit(3)


class Calls:
    """Calls of one kind, so many in flight, until it is enough."""

    def __init__(self, window, bytes):
        self.window = window
        self.bytes = bytes
        # A number to square, or bytes to give back.
        self.data = b"\7" * bytes if bytes else 3
        self.enough = threading.Event()
        # How many could not call at all.
        self.refused = 0

    def check(self, answer):
        if self.bytes:
            if len(answer) != self.bytes:
                raise ValueError(f"an answer of {len(answer)} bytes")
        elif answer != 9:
            raise ValueError("a wrong answer")

    def one_by_one(self, call):
        """Calls `call`, which gives the answer; gives how long each took, in nanoseconds."""
        nanos = []
        while not (nanos and self.enough.is_set()):
            start = time.perf_counter_ns()
            self.check(call(self.data))
            nanos.append(time.perf_counter_ns() - start)
        return nanos

    def many_at_once(self, start):
        """Calls `start`, which tells the end of a call with `done(answer, error)`; gives how many ended."""
        free, count, errors = threading.Semaphore(self.window), 0, []

        def done(answer, error):
            try:
                if error is not None:
                    raise error
                self.check(answer)
            except Exception as e:
                errors.append(e)
            free.release()

        while not (count and self.enough.is_set() or errors):
            free.acquire()
            start(self.data, done)
            count += 1
        for _ in range(self.window):
            free.acquire()
        if errors:
            raise errors[0]
        return count


def ready(address):
    """Tells where this server listens, and waits until it is to end."""
    say(Ok=address)
    sys.stdin.read()


def run(serve, connect):
    """`serve` ends with `ready`; `connect` gives what makes calls and tells how many and how long each took."""
    try:
        if ROLE == "server":
            serve()
        else:
            call = connect()
            say(Ok=None)
            for line in sys.stdin:
                measure(call, Calls(**json.loads(line)))
    except Exception as e:
        say(Err=f"{type(e).__name__}: {e}")
    # Threads that still wait for something do not hold it up.
    os._exit(0)


def measure(call, calls):
    def wait():
        # Any line, or the end of them.
        sys.stdin.readline()
        calls.enough.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    count, nanos = call(calls)
    waiting.join()
    say(Ok={"count": count, "nanos": nanos, "refused": calls.refused})
