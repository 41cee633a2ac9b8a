"""multiprocessing.Pool: as many items at a time as it was told, or as it thinks right."""

import multiprocessing
from contextlib import contextmanager

CHUNK = int(sys.argv[2]) if sys.argv[2] else None


@contextmanager
def mapping():
    # Forked, the workers know `process`; started otherwise, they would have to import it.
    with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
        yield lambda items: pool.map(process, range(items), CHUNK)


run(mapping)
