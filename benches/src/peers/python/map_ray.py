"""Ray: a task for each item."""

from contextlib import contextmanager

try:
    import ray
except ImportError:
    not_installed("ray")


@contextmanager
def mapping():
    # What it prints must not come between the lines that are said.
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    task = ray.remote(process)
    try:
        yield lambda items: ray.get([task.remote(n) for n in range(items)], timeout=PATIENCE)
    finally:
        ray.shutdown()


run(mapping)
