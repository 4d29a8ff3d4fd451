"""python -m tests.bench [ways] [matching] [stores] [hop] [memory]: all of them without arguments."""

import sys

from tests.bench import hop, matching, memory, stores, ways

_BENCHES = {
    "ways": ways.measure,
    "matching": matching.measure,
    "stores": stores.measure,
    "hop": hop.measure,
    "memory": memory.measure,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or list(_BENCHES):
        if name not in _BENCHES:
            sys.exit(f"bench: {name!r} is none of {', '.join(_BENCHES)}")
        _BENCHES[name]()
