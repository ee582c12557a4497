"""Folders in memory, for tests of many small files that are all synced."""
import os
import shutil
import tempfile
from pathlib import Path

from .case import ServersCase


class FastCase(ServersCase):
    """A ServersCase whose self.folder lies in memory where there is such a place."""

    def setUp(self):
        super().setUp()
        if os.access('/dev/shm', os.W_OK):
            self.folder = Path(tempfile.mkdtemp(prefix='numeter-test-', dir='/dev/shm'))
            self.addCleanup(shutil.rmtree, self.folder, True)
            os.chmod(self.folder, 0o755)
