"""multiprocessing.Pool: what a Python program has without a network. Its workers are the client's own."""

import multiprocessing

WORKERS = 2


def process(data):
    return data * data


def echo(data):
    return data


def connect():
    # Forked, the workers know these functions; started otherwise, they would have to import them.
    pool = multiprocessing.get_context("fork").Pool(WORKERS)

    def call(calls):
        method = echo if calls.bytes else process
        if calls.window == 1:
            nanos = calls.one_by_one(lambda data: pool.apply(method, (data,)))
            return len(nanos), nanos

        def start(data, done):
            pool.apply_async(method, (data,), {}, lambda answer: done(answer, None), lambda error: done(None, error))

        return calls.many_at_once(start), []

    return call


run(lambda: ready("none"), connect)
