"""The bytes of a record with every personal identity code masked; None where a code would still hide in them."""

from typing import Final

import msgspec

from shared.contracts.personal_identity import bytes_hide_a_code, mask, mask_bytes


def masked(value: bytes | None) -> bytes | None:
    """A key or a header."""
    return None if value is None else _if_clean(mask_bytes(value).encode())


def masked_json(value: bytes | None) -> bytes | None:
    """A value: as JSON where it is JSON."""
    if value is None:
        return None
    try:
        # Escapes would hide a code from the mask: the mask must look at the text that a reader of the JSON sees.
        return _if_clean(msgspec.json.encode(_masked_tree(_NUMBERS_AS_WRITTEN.decode(value))))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return masked(value)


def _if_clean(said: bytes) -> bytes | None:
    return None if bytes_hide_a_code(said) else said


def _masked_number(written: str) -> float | str:
    # 310190E0123 is a number to JSON: read as a number, it would keep its digits without the sign to find them by.
    said = mask(written)
    return float(written) if said == written else said


_NUMBERS_AS_WRITTEN: Final = msgspec.json.Decoder(float_hook=_masked_number)


def _masked_tree(value: object) -> object:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {mask(str(name)): _masked_tree(member) for name, member in value.items()}
    return [_masked_tree(member) for member in value] if isinstance(value, list) else value
