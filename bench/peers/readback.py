"""Whether points that were sent stand in Whisper files, as python-whisper reads them."""
import whisper


def check_points(path, n_ticks, t0):
    """Every tick in the finest archive, and nothing but numbers."""
    until = t0 + 60 * (n_ticks - 1)
    (start, _, step), values = whisper.fetch(path, t0 - 60, until)
    found = {start + i * step: v for i, v in enumerate(values) if v is not None}
    missing = [t for t in range(t0, until + 1, 60) if t not in found]
    if missing:
        raise RuntimeError('%s: %d of %d points are missing, the first of %d' % (path, len(missing), n_ticks, missing[0]))
