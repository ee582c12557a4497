"""The command line that the benchmarks with servers share."""
import os
import shlex
import shutil
import sys
import tempfile

from .carbon_cache import CarbonCache
from .ours import Ours
from .rrdcached import Rrdcached
from .victoria import VictoriaMetrics

SERVERS = {s.name: s for s in (Ours, VictoriaMetrics, Rrdcached, CarbonCache)}


def add_common(parser, servers=tuple(SERVERS)):
    parser.add_argument('build', help='a build folder')
    parser.add_argument('--folder', default=os.environ.get('NUMETER_BENCH_FOLDER'),
                        help='where the servers keep their files; left there (default: a temporary one, removed at the end)')
    parser.add_argument('--servers', default=','.join(servers), help='comma list (default: %(default)s)')


def chosen(options):
    """The servers asked for that are installed; says which are not. Also sets what all benchmarks need."""
    options.build = os.path.abspath(options.build)
    Ours.build = options.build
    options.command = './dev bench ' + ' '.join(
        [os.path.basename(sys.argv[0]).replace('.py', '')] + [shlex.quote(a) for a in own_arguments(sys.argv[2:])])
    options.n_folders = 0
    if options.folder is None:
        import atexit
        options.folder = tempfile.mkdtemp(prefix='numeter-bench-')
        atexit.register(shutil.rmtree, options.folder, True)
    found = []
    for name in options.servers.split(','):
        if name not in SERVERS:
            sys.exit('no server called %s; there are %s' % (name, ', '.join(SERVERS)))
        server = SERVERS[name]
        if server is not Ours and not server.version():
            print('not installed, left out: ' + name, flush=True)
        else:
            found.append(server)
    return found


def own_arguments(arguments):
    """Without --folder, which says nothing about what was measured."""
    kept, skip = [], False
    for a in arguments:
        if skip or a.startswith('--folder='):
            skip = False
        elif a == '--folder':
            skip = True
        else:
            kept.append(a)
    return kept


def series_folder(options, name):
    """A folder that was never used before."""
    options.n_folders += 1
    return os.path.join(options.folder, '%02d-%s' % (options.n_folders, name))
