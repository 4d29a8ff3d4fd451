"""The code a client shows at an opisto's desk: 12 characters of Crockford's base32, made from the referral's id.

Eleven characters carry 55 bits of a digest of the id; the twelfth is a check character of the same alphabet, the sum
of the others weighed by their odd places, so that one wrong or two swapped neighbours are seen in most cases.
"""

from hashlib import blake2b

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def referral_code(referral_id: str) -> str:
    """The code of a referral, without hyphens."""
    bits = int.from_bytes(blake2b(referral_id.encode(), digest_size=7, person=b"referral").digest(), "big") >> 1
    digits = "".join(ALPHABET[bits >> shift & 31] for shift in range(50, -5, -5))
    return digits + _check(digits)


def read_code(typed: str) -> str | None:
    """The code as a person typed it, made canonical; None where it cannot be one."""
    code = typed.strip().upper().translate(_LOOK_ALIKES)
    if len(code) != 12 or any(character not in ALPHABET for character in code):
        return None
    return code if _check(code[:-1]) == code[-1] else None


def _check(digits: str) -> str:
    return ALPHABET[sum((2 * place + 1) * ALPHABET.index(digit) for place, digit in enumerate(digits)) % 32]
