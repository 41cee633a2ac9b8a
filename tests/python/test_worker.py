"""Real Pyro5 against an ordinary Rust object: the program `squares-server` at WORKER_URI."""

import os
import unittest

import Pyro5.api

WORKER = os.environ["WORKER_URI"]


class Worker(unittest.TestCase):
    def test_the_seed_program(self):
        worker = Pyro5.api.Proxy(WORKER)
        self.assertEqual(worker.process(10), 100)
        self.assertEqual(worker.process(data=12), 144)
        with self.assertRaisesRegex(TypeError, "argument 'data' must be i64, not str"):
            worker.process("ten")
        with self.assertRaisesRegex(TypeError, "missing 1 required positional argument: 'data'"):
            worker.process()


if __name__ == "__main__":
    unittest.main()
