"""Plain data between the grader and the sandbox: JSON for the structure, raw bytes for arrays.

Both sides use it. The grader reads what hostile code has written, so nothing in a message is
believed before it has been measured: no pickle, no file, no archive, no header with a parser.
"""

import io
import json
import math
import re
import struct

import numpy as np

TEXT_BYTES = 1 << 20
ARRAY_BYTES = 1 << 26
_HEAD = struct.Struct(">IQ")
_PLAIN = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")


class Broken(Exception):
    """The other side ended, or what it sent is no message or larger than one may be."""


def dump(value) -> bytes:
    """A message from numbers, texts, None, arrays, and lists, tuples, dictionaries of them."""
    arrays: list[bytes] = []
    text = json.dumps(_flatten(value, arrays)).encode()
    blob = b"".join(arrays)
    return _HEAD.pack(len(text), len(blob)) + text + blob


def load(receive, text_bytes: int = TEXT_BYTES, array_bytes: int = ARRAY_BYTES):
    """The next message. ``receive`` (count) -> at most so many bytes, none at the end.

    Raises:
        Broken: it is no message, or larger than allowed, or the end came first.
    """

    def read(count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            part = receive(min(count - len(parts), 1 << 20))
            if not part:
                raise Broken("it ended")
            parts += part
        return bytes(parts)

    text_size, blob_size = _HEAD.unpack(read(_HEAD.size))
    if text_size > text_bytes or blob_size > array_bytes:
        raise Broken(f"an answer of {text_size + blob_size:,} bytes is more than is read")
    text, blob = read(text_size), io.BytesIO(read(blob_size))
    try:
        return _restore(json.loads(text), blob)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError) as problem:
        raise Broken(f"not an answer ({type(problem).__name__})") from None


def _flatten(value, arrays: list[bytes]):
    if isinstance(value, np.ndarray):
        if not _PLAIN.fullmatch(value.dtype.str):
            raise TypeError(f"arrays of {value.dtype} do not travel")
        arrays.append(np.ascontiguousarray(value).tobytes())
        return {"array": [value.dtype.str, list(value.shape)]}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        parts = [_flatten(one, arrays) for one in value]
        return parts if isinstance(value, list) else {"tuple": parts}
    if isinstance(value, dict):
        return {"dict": [[key, _flatten(one, arrays)] for key, one in value.items()]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} does not travel to the sandbox")


def _restore(node, blob: io.BytesIO):
    if isinstance(node, list):
        return [_restore(one, blob) for one in node]
    if not isinstance(node, dict):
        return node
    ((kind, inner),) = node.items()
    if kind == "array":
        return _array(inner, blob)
    if kind == "tuple":
        return tuple(_restore(one, blob) for one in inner)
    return {str(key): _restore(one, blob) for key, one in inner}


def _array(description, blob: io.BytesIO) -> np.ndarray:
    code, shape = description
    sizes = [n for n in shape if type(n) is int and n >= 0]
    if not _PLAIN.fullmatch(code) or len(shape) > 32 or len(sizes) < len(shape):
        raise ValueError("not a plain array")
    size = math.prod(sizes) * np.dtype(code).itemsize
    data = blob.read(size)
    if len(data) < size:
        raise ValueError("an array that is larger than what came")
    return np.frombuffer(data, code).reshape(shape).copy()
