"""python -m tests.bench [hop] [memory] [matching]: all three without arguments."""

import sys

from tests.bench import hop, matching, memory

_BENCHES = {"matching": matching.measure, "hop": hop.measure, "memory": memory.measure}

if __name__ == "__main__":
    for name in sys.argv[1:] or list(_BENCHES):
        if name not in _BENCHES:
            sys.exit(f"bench: {name!r} is none of {', '.join(_BENCHES)}")
        _BENCHES[name]()
