"""Stored values as others read them: python3-whisper on the files, the daemon's own /data."""
import os
import time

import whisper


def whisper_points(path, now=None):
    """{slot time: value} of the finest archive, as whisper-fetch shows it."""
    now = int(now or time.time())
    finest = whisper.info(str(path))['archives'][0]
    got = whisper.fetch(str(path), now - finest['retention'], now, now=now)
    (start, end, step), values = got
    assert step == finest['secondsPerPoint'] and len(values) == (end - start) // step
    return {start + i * step: v for i, v in enumerate(values) if v is not None}


def wsp_files(folder):
    """{path below the folder} of all .wsp files in it, those being made left out."""
    found = set()
    for base, names, files in os.walk(str(folder)):
        names[:] = [n for n in names if n not in ('.tmp', '.quarantine', '.trash')]
        found |= {os.path.relpath(os.path.join(base, f), str(folder)) for f in files if f.endswith('.wsp')}
    return found
