#!/usr/bin/python3
"""The manual pages: rendered without a warning; every option that --help prints stands there, and in some test."""
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
PAGES = sorted((TREE / 'docs/man').glob('*.[0-9]'))
PROGRAMS = {'numeter-storage': 'NUMETER_STORAGE', 'numeter-poller': 'NUMETER_POLLER', 'numeterctl': 'NUMETERCTL'}
OPTION = re.compile(r'^ +(?:(-\w), )?(--[\w-]+)', re.M)


def help_of(program, *command):
    done = subprocess.run([os.environ[PROGRAMS[program]], *command, '--help'], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def options_of(text):
    """The short and long ones of a help."""
    return [o for pair in OPTION.findall(text) for o in pair if o]


def tests():
    paths = [*(TREE / 'tests/real').glob('test_*.py'), *(TREE / 'tests/support').glob('*.py')]
    return {path.name: path.read_text() for path in paths if path.name != Path(__file__).name}


# In which files a program's options are looked for.
OWN_FILES = {'numeter-storage': r'program|daemon', 'numeter-poller': r'poller', 'numeterctl': r'numeterctl'}


def is_given(option, text):
    """Whether a command line with it stands there."""
    return re.search(r'''['" ]%s['"= ]''' % re.escape(option), text) is not None


class Manuals(unittest.TestCase):
    def render(self, page):
        environment = dict(os.environ, LC_ALL='C.UTF-8', MANWIDTH='80', MANPAGER='cat')
        done = subprocess.run(['man', '--warnings', '-E', 'ascii', '-l', str(page)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, env=environment)
        self.assertEqual((done.returncode, done.stderr), (0, ''), page.name)
        return done.stdout

    def setUp(self):
        if shutil.which('man') is None:
            self.skipTest('no man on this machine')

    def test_every_page_renders_without_a_warning(self):
        self.assertEqual([p.name for p in PAGES], ['numeter-poller.8', 'numeter-storage.8', 'numeter_poller.cfg.5',
                                                   'numeter_storage.cfg.5', 'numeterctl.8'])
        for page in PAGES:
            with self.subTest(page.name):
                text = self.render(page)
                for section in ('NAME', 'DESCRIPTION', 'SEE ALSO'):
                    self.assertRegex(text, re.compile('^%s$' % section, re.M))
                self.assertGreater(len(text.splitlines()), 40)

    def test_a_bad_page_would_be_seen(self):
        page = '.Dd x\n.Dt X 8\n.Os\n.Sh NAME\n.nosuch\n'
        done = subprocess.run(['man', '--warnings', '-E', 'ascii', '-l', '-'], input=page, capture_output=True,
                              text=True, timeout=60)
        self.assertIn('nosuch', done.stderr)

    def test_every_option_of_the_programs_is_in_their_page(self):
        for program in PROGRAMS:
            text = self.render(TREE / 'docs/man' / (program + '.8'))
            options = options_of(help_of(program))
            self.assertIn('--version', options)
            for option in options:
                self.assertRegex(text, r'(?<![\w-])%s(?![\w-])' % re.escape(option), '%s %s' % (program, option))

    def commands(self):
        return re.findall(r'^  ([a-z][a-z-]*) ', help_of('numeterctl'), re.M)

    def test_every_option_of_a_command_is_where_the_page_tells_of_it(self):
        source = (TREE / 'docs/man/numeterctl.8').read_text()
        parts = dict(re.findall(r'^\.It Cm ([a-z-]+)(.*?)(?=^\.It Cm |^\.Sh )', source, re.M | re.S))
        # a command may send the reader to a section of its own
        for command, section in [(c, x) for c, text in parts.items() for x in re.findall(r'^\.Sx ([A-Z]+)', text, re.M)
                                 if re.search(r'^\.Sh %s$' % x, source, re.M)]:
            parts[command] += re.search(r'^\.Sh %s\n(.*?)(?=^\.Sh )' % section, source, re.M | re.S).group(1)
        common = set(options_of(help_of('numeterctl')))
        self.assertGreater(len(self.commands()), 10)
        for command in self.commands():
            for option in set(options_of(help_of('numeterctl', command))) - common:
                self.assertIn('Fl ' + option[1:], parts[command], '%s %s' % (command, option))

    def test_every_option_is_in_some_test(self):
        files = tests()
        for program in PROGRAMS:
            own = [text for name, text in files.items() if re.search(OWN_FILES[program], name)]
            for option in options_of(help_of(program)):
                self.assertTrue(any(is_given(option, text) for text in own), '%s %s is in no test' % (program, option))
        common = set(options_of(help_of('numeterctl')))
        for command in self.commands():
            of_command = [text for text in files.values() if "'%s'" % command in text]
            self.assertTrue(of_command, 'no test of ' + command)
            for option in set(options_of(help_of('numeterctl', command))) - common:
                self.assertTrue(any(is_given(option, text) for text in of_command),
                                '%s %s is in no test' % (command, option))


if __name__ == '__main__':
    program = unittest.main(exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.testsRun == len(result.skipped) else 0)
