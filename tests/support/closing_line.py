#!/usr/bin/python3
"""closing_line.py testlog.json: say how a meson test run ended, as the last line: `N passed, N failed, N skipped`.
With NUMETER_NO_SKIPS set a skipped test is a failure: there every server is installed."""
import json
import os
import sys

passed = failed = skipped = 0
with open(sys.argv[1]) as log:
    for line in log:
        result = json.loads(line)["result"]
        if result in ("OK", "EXPECTEDFAIL"):
            passed += 1
        elif result == "SKIP":
            skipped += 1
        else:
            failed += 1
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed or not passed or (skipped and os.environ.get("NUMETER_NO_SKIPS")) else 0)
