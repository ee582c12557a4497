#!/usr/bin/python3
"""run.py BUILD [NAME...]: the benchmarks, each beside its peer in the same run. What they print are ratios; the machine
is whatever this one is. NAME is decode, wsp or drain (default: all)."""
import os
import subprocess
import sys

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def commands(build):
    return {
        "decode": [os.path.join(build, "bench", "bench_decode"), os.path.join(TREE, "tests", "data", "messages.jsonl")],
        "wsp": ["/usr/bin/python3", os.path.join(TREE, "bench", "wsp.py"), os.path.join(build, "bench", "wsp_bench")],
        "drain": ["/usr/bin/python3", os.path.join(TREE, "bench", "drain.py"), build],
    }


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    known = commands(os.path.abspath(sys.argv[1]))
    names = sys.argv[2:] or list(known)
    for name in names:
        if name not in known:
            sys.exit(f"no benchmark called {name}; there are {', '.join(known)}")
    failed = [name for name in names if print(f"== {name}", flush=True) or subprocess.call(known[name]) != 0]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
