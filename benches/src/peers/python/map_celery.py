"""Celery over a Redis server of its own: a task for each item."""

import multiprocessing
import shutil
import socket
import subprocess
from contextlib import contextmanager

try:
    import celery
    import redis
except ImportError:
    not_installed("celery and redis for Python")
if not shutil.which("redis-server"):
    not_installed("redis-server")


@contextmanager
def mapping():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"redis://127.0.0.1:{port}/0"
    app = celery.Celery("benches", broker=url, backend=url)
    task = app.task(name="process")(process)
    server = subprocess.Popen(
        ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    # Forked, the worker knows `process`; its own children are not daemons, so it cannot be one.
    worker = multiprocessing.get_context("fork").Process(target=work, args=(app,))
    try:
        worker.start()
        task.delay(3).get(timeout=30)
        yield lambda items: celery.group(task.s(n) for n in range(items))().get(timeout=PATIENCE)
    finally:
        worker.terminate()
        worker.join(10)
        worker.kill()
        server.terminate()
        server.wait(10)


def work(app):
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    app.worker_main(["worker", "--pool", "prefork", "--concurrency", str(WORKERS), "--loglevel", "ERROR"])


run(mapping)
