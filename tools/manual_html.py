#!/usr/bin/python3
"""
manual_html.py OUT: the manual as plain HTML pages in the folder OUT, from docs/manual, the references beside it and the
manual pages; index.html first. Needs cmark-gfm and mandoc. Links between the sources become links between the pages; a
link to something that is no page is an error.
"""
import html
import os
import posixpath
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCS = os.path.join(ROOT, 'docs')

STYLE = """
body { margin: 0 auto; max-width: 60rem; padding: 0 1rem 3rem; font: 16px/1.5 sans-serif; color: #222; background: #fff }
nav { border-bottom: 1px solid #ccc; padding: .6rem 0; font-size: .9rem }
nav a { margin-right: 1rem }
a { color: #00529b }
pre, code { font-family: monospace; font-size: .92em; background: #f3f3f3 }
code { padding: .1em .2em } pre { padding: .7rem; overflow-x: auto } pre code { padding: 0 }
table { border-collapse: collapse; display: block; overflow-x: auto }
th, td { border: 1px solid #ccc; padding: .25rem .6rem; text-align: left; vertical-align: top }
img { max-width: 100% }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #181818 } a { color: #7ab8ff } pre, code { background: #262626 }
  nav, th, td { border-color: #444 }
}
"""

NAV = [('index', 'Manual'), ('quick-start', 'Quick start'), ('install', 'Installation'),
       ('configuration', 'Configuration'), ('api', 'REST API'), ('numeterctl.8', 'numeterctl'),
       ('troubleshooting', 'Troubleshooting'), ('capacity', 'Capacity'), ('security', 'Security')]


def sources():
    """{path below docs/: page name without .html}"""
    pages = {}
    for folder in ('manual', '', 'formats', 'spec', 'decisions'):
        for name in sorted(os.listdir(os.path.join(DOCS, folder))):
            if name.endswith('.md'):
                path = posixpath.join(folder, name)
                prefix = 'decision-' if folder == 'decisions' else 'spec-' if folder == 'spec' else ''
                pages[path] = prefix + name[:-3]
    for name in sorted(os.listdir(os.path.join(DOCS, 'man'))):
        if re.search(r'\.[158]$', name):
            pages['man/' + name] = name
    assert len(set(pages.values())) == len(pages), 'two pages of one name'
    return pages


def page(title, body):
    nav = ''.join('<a href="%s.html">%s</a>' % (name, html.escape(text)) for name, text in NAV)
    return ('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>%s</title>\n'
            '<style>%s</style>\n</head>\n<body>\n<nav>%s</nav>\n%s\n</body>\n</html>\n'
            % (html.escape(title), STYLE, nav, body))


def linked(body, path, pages):
    """Links of the page made from docs/<path>, turned to the pages."""
    def turn(match):
        target = html.unescape(match.group(2))
        if re.match(r'[a-z]+:|#', target):
            return match.group(0)
        bare, _, anchor = target.partition('#')
        found = posixpath.normpath(posixpath.join(posixpath.dirname(path), bare))
        if found not in pages:
            raise SystemExit('docs/%s: a link leads to %s, which is no page' % (path, target))
        return '%s"%s.html%s"' % (match.group(1), html.escape(pages[found]), '#' + anchor if anchor else '')
    return re.sub(r'(<a href=)"([^"]*)"', turn, body)


def heads(body):
    """Anchors as GitHub makes them."""
    def anchor(match):
        text = html.unescape(re.sub(r'<[^>]*>', '', match.group(2))).lower()
        name = re.sub(r'[^\w\- ]', '', text).replace(' ', '-')
        return '<h%s id="%s">%s</h%s>' % (match.group(1), html.escape(name), match.group(2), match.group(1))
    return re.sub(r'<h([1-6])>(.*?)</h\1>', anchor, body)


def from_markdown(path, pages):
    text = subprocess.run(['cmark-gfm', '-e', 'table', os.path.join(DOCS, path)], check=True, capture_output=True,
                          text=True).stdout
    title = re.search(r'<h1>(.*?)</h1>', text)
    plain = re.sub(r'<[^>]*>', '', title.group(1)) if title else path
    return page(html.unescape(plain), heads(linked(text, path, pages)))


def from_man(path):
    text = subprocess.run(['mandoc', '-T', 'html', '-O', 'fragment', '-I', 'os=Debian', os.path.join(DOCS, path)],
                          check=True, capture_output=True, text=True).stdout
    return page(posixpath.basename(path), text)


def main():
    out = sys.argv[1]
    pages = sources()
    os.makedirs(out, exist_ok=True)
    for path, name in pages.items():
        text = from_man(path) if path.startswith('man/') else from_markdown(path, pages)
        with open(os.path.join(out, name + '.html'), 'w', encoding='utf-8') as f:
            f.write(text)


if __name__ == '__main__':
    main()
