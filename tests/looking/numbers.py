"""Decide whether two printed texts say the same: words and whole numbers exactly, decimals within their precision.

A decimal may differ by one unit of its last printed digit or by 2 %, whichever is larger: that is what another
processor, a GPU or another version of a library may change. Numbers inside addresses and versions (``stage3.1``,
``fuse0<-2``, ``2.14.1``) are words. How many spaces pad a column is not compared, since it follows from the digits.
"""

import re

SHARE = 0.02
NUMBER = re.compile(r"(?<![\w.<])[−+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][−+-]?\d+)?(?!\w*\.\w)(?![\d.,]*\d)")
SPACES = re.compile(r"[ \t]+")


class Printed(str):
    """A text that equals another one with the same words and nearly the same decimals."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and says_the_same(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other


def says_the_same(stored: str, fresh: str) -> bool:
    """Whether two texts differ in nothing but the precision of their decimals."""
    if str.__eq__(stored, fresh):
        return True
    (old_words, old), (new_words, new) = (take_apart(text) for text in (stored, fresh))
    return old_words == new_words and all(is_near(*pair) for pair in zip(old, new, strict=True))


def take_apart(text: str) -> tuple[list[str], list[str]]:
    """The words between the numbers, with spaces folded, and the numbers."""
    return [SPACES.sub(" ", words) for words in NUMBER.split(text)], NUMBER.findall(text)


def is_near(stored: str, fresh: str) -> bool:
    """Whether two numbers are the same, or at least one is a decimal and they are as near as their digits tell."""
    numbers = [text.replace("−", "-").replace(",", "").lower() for text in (stored, fresh)]
    if not any(set(".e") & set(number) for number in numbers):
        return numbers[0] == numbers[1]
    old, new = map(float, numbers)
    allowed = max(*map(unit, numbers), SHARE * abs(old))
    return abs(old - new) <= allowed * (1 + 1e-9)


def unit(number: str) -> float:
    """What one step of the last printed digit is worth."""
    mantissa, _, exponent = number.partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2])) if set(".e") & set(number) else 0.0
