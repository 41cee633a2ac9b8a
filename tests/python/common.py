"""What the tests share: where the programs are, and each check with each serializer."""

import os
import unittest

import Pyro5.api

OBJECT = os.environ["OBJ_URI"]
SESSION = os.environ["SESSION_URI"]
LOCATION = OBJECT.split("@")[1]
SERIALIZERS = ["serpent", "json", "msgpack"]


class EachSerializer(unittest.TestCase):
    """Runs `check(proxy, serializer)` with each serializer."""

    def each(self, check, uri=OBJECT, serializers=SERIALIZERS):
        for serializer in serializers:
            with self.subTest(serializer=serializer), Pyro5.api.Proxy(uri) as proxy:
                proxy._pyroSerializer = serializer
                check(proxy, serializer)

    def raises(self, kind, text, call, *args, **kwargs):
        """Of exactly this class, with this text somewhere, and with the lines of a traceback."""
        with self.assertRaises(kind) as caught:
            call(*args, **kwargs)
        self.assertIs(type(caught.exception), kind)
        self.assertIn(text, str(caught.exception))
        self.assertTrue(all(isinstance(line, str) for line in caught.exception._pyroTraceback))
