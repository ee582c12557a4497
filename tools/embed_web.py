#!/usr/bin/python3
"""The files of the page as C: embed_web.py OUTPUT FILE… Each plain and, where that is smaller, packed with gzip."""
import gzip
import re
import sys
from pathlib import Path

TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.svg': 'image/svg+xml',
}


def array(name, content):
    lines = [','.join(map(str, content[i:i + 32])) for i in range(0, len(content), 32)]
    return 'static const unsigned char %s[] = {\n%s\n};\n' % (name, ',\n'.join(lines))


def text(name, content):
    return '{ (const char *)%s, %d }' % (name, len(content)) if content else '{ NULL, 0 }'


def main():
    output, files = sys.argv[1], sorted(map(Path, sys.argv[2:]), key=lambda p: p.name)
    arrays, rows = [], []
    for i, path in enumerate(files):
        if not re.fullmatch(r'[a-z0-9_][a-z0-9_.-]*', path.name) or path.suffix not in TYPES:
            sys.exit('%s: expected a name of small letters, digits, _ . and - that ends in %s'
                     % (path, ' '.join(TYPES)))
        if i > 0 and files[i - 1].name == path.name:
            sys.exit('%s: there are two of this name' % path)
        plain = path.read_bytes()
        packed = gzip.compress(plain, 9, mtime=0)
        if not plain:
            sys.exit('%s: is empty' % path)
        if len(packed) >= len(plain):
            packed = b''
        arrays.append(array('plain_%d' % i, plain))
        if packed:
            arrays.append(array('packed_%d' % i, packed))
        rows.append('\t{ "%s", "%s", %s, %s },\n' % (path.name, TYPES[path.suffix], text('plain_%d' % i, plain),
                                                  text('packed_%d' % i, packed)))
    Path(output).write_text('/* Made from the files of the page. */\n#include "http/page.h"\n\n%s\n'
                            'const struct page_file page_files[] = {\n%s};\nconst size_t n_page_files = %d;\n'
                            % ('\n'.join(arrays), ''.join(rows), len(rows)))


main()
