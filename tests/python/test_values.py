"""Values of all kinds, to the program `pyro-object` and back, against what Pyro5's own daemon gives."""

import array
import collections
import datetime
import decimal
import enum
import math
import uuid

import Pyro5.core
import Pyro5.errors
import serpent

from common import EachSerializer, SERIALIZERS

SAME = object()
REFUSED = object()


class Color(enum.Enum):
    RED = 1


class Thing:
    def __init__(self):
        self.x = 1


Pair = collections.namedtuple("Pair", "a b")


def nested(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


WHEN = datetime.datetime(2024, 1, 2, 3, 4, 5, 678)
URI = Pyro5.core.URI("PYRO:x@y:1")

# Value; then what it is after serpent, json and msgpack. One answer is for all three. An exception's class: the call raises
# that; REFUSED: it raises anything, here or there.
VALUES = [
    *[(value, SAME) for value in [
        None, True, False, 0, -5, 2**63 - 1, 2**63, 2**64, -2**63 - 1, 2**80, 2**127, -2**127 - 1, 2**200, -2**200, 10**4000,
        0.0, -0.0, 1.5, 0.1, 1e16, 1e-5, 5e-324, 1.7976931348623157e308, math.inf, -math.inf,
        "", "héllo € 😀", "a\0b", "".join(map(chr, range(0x120))), "\u2028\u2029\ufeff\u200b", "it's", "a'b\"c\\d\n", "x" * 100_000,
        [], [[1], [2, [3]]], {}, {"a": {"b": [1, {"c": None}]}}, {"z": 1, "a": 2}, nested(50), URI, [URI, {"u": URI}],
        Pyro5.core.URI("PYRONAME:x@h:12"), Pyro5.core.URI("PYRO:x@./u:/tmp/s"),
        Pyro5.core.URI("PYRO:x@[::1]:55"), {"data": "no!", "encoding": "base64"}, {"data": "YQ==", "encoding": "rot13"},
    ]],
    (1 + 2j, SAME, REFUSED, SAME),
    (complex(math.inf, -0.0), SAME, REFUSED, SAME),
    ("a\ud800b", SAME, REFUSED, REFUSED),
    (b"abc", {"data": "YWJj", "encoding": "base64"}, REFUSED, SAME),
    (bytearray(b"abc"), {"data": "YWJj", "encoding": "base64"}, REFUSED, b"abc"),
    (memoryview(b""), {"data": "", "encoding": "base64"}, REFUSED, b""),
    ((), SAME, [], []),
    ((1, (2, ())), SAME, [1, [2, []]], [1, [2, []]]),
    (Pair(1, 2), (1, 2), [1, 2], [1, 2]),
    ({1, 2}, SAME, [1, 2], [1, 2]),
    (set(), (), [], []),
    (frozenset([1]), {1}, REFUSED, REFUSED),
    ({1: 2}, SAME, {"1": 2}, ValueError),
    ({(1, 2): 3}, SAME, REFUSED, ValueError),
    ({None: 1}, REFUSED, {"null": 1}, ValueError),
    ({True: 1}, SAME, {"true": 1}, ValueError),
    (WHEN, WHEN.isoformat(), WHEN.isoformat(), SAME),
    (WHEN.date(), "2024-01-02", "2024-01-02", SAME),
    (WHEN.time(), "03:04:05.000678", REFUSED, REFUSED),
    (datetime.timedelta(days=1), 86400.0, REFUSED, REFUSED),
    (decimal.Decimal("1.50"), "1.50", "1.50", "1.50"),
    (uuid.UUID(int=5), str(uuid.UUID(int=5)), str(uuid.UUID(int=5)), str(uuid.UUID(int=5))),
    (array.array("i", [1, 2]), [1, 2], [1, 2], [1, 2]),
    (Color.RED, 1, REFUSED, REFUSED),
    (collections.OrderedDict(a=1), Pyro5.errors.SerializeError, {"a": 1}, {"a": 1}),
    (collections.deque([1, 2]), [1, 2], REFUSED, REFUSED),
    ({"__class__": "foo.Bar"}, Pyro5.errors.SerializeError),
    ({"__class__": "__main__.Bar"}, Pyro5.errors.SecurityError),
    (object(), REFUSED),
]


class Values(EachSerializer):
    def test_echo(self):
        def check(p, serializer):
            for value, *expected in VALUES:
                expected = (expected * 3 if len(expected) == 1 else expected)[SERIALIZERS.index(serializer)]
                with self.subTest(value=repr(value)[:50]):
                    if expected is REFUSED or isinstance(expected, type):
                        with self.assertRaises(Exception if expected is REFUSED else expected):
                            p.echo(value)
                        continue
                    found, expected = p.echo(value), value if expected is SAME else expected
                    self.assertEqual((found, type(found)), (expected, type(expected)))
                    if isinstance(found, float):
                        self.assertEqual(math.copysign(1, found), math.copysign(1, expected))
            self.assertTrue(math.isnan(p.echo(math.nan)))
            self.assertEqual(p.echo(1), 1)
        self.each(check)

    def test_exceptions_are_values_too(self):
        def check(p, _):
            for value in [ValueError("x", 1), KeyError(), Pyro5.errors.NamingError("n")]:
                found = p.echo([value])[0] if p._pyroSerializer == "msgpack" else p.echo(value)
                self.assertEqual((type(found), found.args), (type(value), value.args))
        self.each(check)

    def test_numbers_of_any_size(self):
        numbers = [0, 1, -7, 2**53 + 1, 2**127, -2**127 - 1, 2**200, -10**50, 3.5, -2.5, 0.0, -0.0, 1e308, math.inf, True, 10**400]

        def outcome(call, *args):
            try:
                value = call(*args)
                return type(value), repr(value)
            except (ArithmeticError, ValueError) as error:
                return type(error), error.args
        def check(p, _):
            for a in numbers:
                for b in numbers:
                    self.assertEqual(outcome(p.add, a, b), outcome(lambda: a + b), f"{a} + {b}")
                    self.assertEqual(outcome(p.divide, a, b), outcome(lambda: a // b), f"{a} // {b}")
        self.each(check, serializers=["msgpack"])

    def test_sums_of_other_things(self):
        def check(p, serializer):
            self.assertEqual(p.add([1], [2**200]), [1, 2**200])
            if serializer != "json":
                self.assertEqual(p.add(1, 1 + 2j), 2 + 2j)
            for a, b, text in [
                (1, None, "unsupported operand type(s) for +: 'int' and 'NoneType'"), ("a", 1, 'can only concatenate str (not "int") to str'),
                ([1], "a", 'can only concatenate list (not "str") to list'), ({}, {}, "unsupported operand type(s) for +: 'dict' and 'dict'"),
            ]:
                self.raises(TypeError, text, p.add, a, b)
            self.raises(TypeError, "unsupported operand type(s) for //: 'str' and 'int'", p.divide, "a", 1)
        self.each(check)

    def test_what_has_no_form(self):
        def check(p, serializer):
            if serializer == "json":
                self.raises(Pyro5.errors.SerializeError, "bytes", p.blob, 3)
                return
            self.assertEqual(p.size(b"x" * 100_000), 100_000)
            self.assertEqual(p.size(p.blob(256)), 256)
            blob = p.blob(256)
            self.assertEqual(serpent.tobytes(blob) if serializer == "serpent" else blob, bytes(range(256)))
        self.each(check)
