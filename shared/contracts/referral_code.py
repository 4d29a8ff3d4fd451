"""The code a client shows at an opisto's desk: 12 characters of Crockford's base32, drawn when the referral is opened.

Eleven characters carry 55 bits of chance: a referral's id tells nothing of its code, and two of a million referrals
have the same code once in 70,000 times. The twelfth is a check character of the same alphabet, the sum of the others
weighed by their odd places, so that it shows one wrong character or two swapped neighbours in most cases.
"""

from hashlib import blake2b
from typing import Final
from unicodedata import category

BITS: Final = 55
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})
_BETWEEN: Final = frozenset({"Pd", "Zs", "Zl", "Zp", "Cc", "Cf"})
"""Dashes and blanks of any kind, and marks that nobody sees, as texts from pages and mails have them."""


def code_of(chance: int) -> str:
    """The code, without hyphens, that `BITS` bits of chance make."""
    digits = "".join(ALPHABET[chance >> shift & 31] for shift in range(BITS - 5, -5, -5))
    return digits + _check(digits)


def digest_of(code: str) -> str:
    """The digest to find a code by where the code itself may not be kept, 16 hexadecimal digits."""
    return blake2b(code.encode(), digest_size=8).hexdigest()


def read_code(typed: str) -> str | None:
    """The code as a person typed it, made canonical; None where it cannot be one."""
    code = "".join(one for one in typed if category(one) not in _BETWEEN).upper().translate(_LOOK_ALIKES)
    if len(code) != 12 or any(character not in ALPHABET for character in code):
        return None
    return code if _check(code[:-1]) == code[-1] else None


def _check(digits: str) -> str:
    return ALPHABET[sum((2 * place + 1) * ALPHABET.index(digit) for place, digit in enumerate(digits)) % 32]
