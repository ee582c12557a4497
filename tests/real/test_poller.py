#!/usr/bin/python3
"""numeter-poller by itself: its command line, nodes that misbehave, storages that are away."""
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ServersCase, main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.munin_node import ScriptedNode  # noqa: E402
from support.poller import Poller, program  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.wait import SLOW, wait_until  # noqa: E402

LOAD = {'config': 'graph_title Load average\ngraph_category system\nload.label load', 'fetch': 'load.value 0.25'}
HOST = '1795342600-0123456789abcdef'


def data_of(messages):
    """{plugin: Values} of the data messages."""
    found = {}
    for m in messages:
        if m['context']['type'] == 'data':
            found.setdefault(m['context']['plugin'], {}).update(m['args']['message']['Values'])
    return found


def infos_of(messages):
    return {m['context']['plugin']: m['args']['message'] for m in messages if m['context']['type'] == 'info'}


class Counter:
    """A counter that grows by `step` each time it is asked."""

    def __init__(self, step):
        self.step, self.value = step, 0

    def __call__(self, node, connection):
        self.value += self.step
        return 'c.value %d' % self.value


class CommandLine(ServersCase):
    def test_it_refuses_what_it_must(self):
        poller = Poller(self.folder, enable='false')
        status, out, err = poller.run()
        self.assertEqual(status, 2)
        self.assertRegex(err, r'numeter_poller.cfg:2: enable is false')
        self.assertEqual(poller.run('--once')[0], 2)
        status, _, err = poller.run('--is-enabled')
        self.assertEqual((status, err.count('\n')), (2, 1))
        poller.write_config(enable='maybe')
        self.assertEqual(poller.run('--is-enabled')[0], 0)  # the start says what is wrong
        status, _, err = poller.run()
        self.assertEqual((status, err.count('\n')), (1, 1))
        self.assertIn('numeter_poller.cfg:2: enable: "maybe": expected true or false', err)
        poller.write_config(enable='true', my_host_id=None)
        self.assertEqual(poller.run('--is-enabled')[::2], (0, ''))
        status, _, err = poller.run('--check-config')
        self.assertEqual(status, 1)
        self.assertRegex(err, r'host_id: not set in \[MyInfo\]: expected .* such as \d+-[0-9a-f]{32}\n')
        poller.write_config(my_host_id=HOST, plugins_enable='^(cpu')
        for arguments in ((), ('--check-config',), ('--once', '--print')):
            status, _, err = poller.run(*arguments)
            self.assertEqual(status, 1)
            self.assertRegex(err, r'numeter_poller.cfg:\d+: plugins_enable: "\^\(cpu": .* at byte 5')
        self.assertEqual(poller.run('--print')[0], 1)
        self.assertEqual(poller.run('--nonsense')[0], 1)

    def test_it_says_what_it_understood(self):
        poller = Poller(self.folder, rpc_password='hunter2', storage_token='hunter3')
        status, out, err = poller.run('--check-config')
        self.assertEqual(status, 0)
        self.assertNotIn('hunter', out + err)
        self.assertIn('[MuninModule]\nplugins_enable = ^.*$\n', out)
        self.assertIn('host_id = %s\n' % HOST, out)
        status, out, _ = poller.run('--version')
        self.assertRegex(out, r'^numeter-poller \d+\.\d+\.\d+\n$')
        self.assertIn('--check-config', poller.run('--help')[1])

    def test_once_print_shows_and_sends_nothing(self):
        with ScriptedNode({'load': LOAD}) as node:
            poller = Poller(self.folder, munin_port=node.port, my_description='two words', enable='false')
            messages = poller.printed()
            self.assertEqual([(m['context']['type'], m['context']['plugin']) for m in messages],
                             [('info', 'MyInfo'), ('data', 'load'), ('info', 'load')])
            self.assertEqual(messages[0]['args']['message'],
                             {'Plugin': 'MyInfo', 'Name': 'test host', 'ID': HOST, 'Description': 'two words'})
            self.assertEqual(messages[1]['args']['message']['Values'], {'load': '0.25'})
            self.assertLess(abs(int(messages[1]['args']['message']['TimeStamp']) - time.time()), 20)
            self.assertEqual(messages[2]['args']['message'],
                             {'Plugin': 'load', 'Base': '1000', 'Describ': '', 'Title': 'Load average', 'Vlabel': '',
                              'Order': '', 'Infos': {'load': {'label': 'load', 'id': 'load'}}, 'Category': 'system'})
            self.assertFalse((self.folder / 'poller').exists())
        status, _, err = poller.run('--once', '--print')
        self.assertEqual(status, 1)
        self.assertRegex(err, r'munin-node at 127\.0\.0\.1:%d: Connection refused' % node.port)

    def test_simulate_writes_to_a_file(self):
        target = self.folder / 'simulated'
        with ScriptedNode({'load': LOAD}) as node:
            poller = Poller(self.folder, munin_port=node.port, simulate='true', simulate_file=target)
            self.assertEqual(poller.run('--once')[0], 0)
            self.assertEqual(len(target.read_text().splitlines()), 3)
            self.assertEqual(json.loads(target.read_text().splitlines()[1])['context']['plugin'], 'load')
            target.unlink()
            (self.folder / 'other').write_text('')
            target.symlink_to(self.folder / 'other')
            self.assertEqual(poller.run('--once')[0], 1)
            self.assertEqual((self.folder / 'other').read_text(), '')

    def test_simulate_takes_a_regular_file_only(self):
        target = self.folder / 'pipe'
        os.mkfifo(target)
        with ScriptedNode({'load': LOAD}) as node:
            poller = Poller(self.folder, munin_port=node.port, simulate='true', simulate_file=target)
            self.assertEqual(poller.run('--once', timeout_s=10)[0], 1)
            with open(os.open(target, os.O_RDONLY | os.O_NONBLOCK)):
                status, _, err = poller.run('--once', timeout_s=10)
        self.assertEqual(status, 1)
        self.assertIn('simulate_file: %s: expected a regular file' % target, err)

    def test_once_ends_at_a_signal_and_sends_no_more(self):
        target = self.folder / 'simulated'
        with ScriptedNode({'load': LOAD, 'stall': {'config': ScriptedNode.stall}}) as node:
            poller = Poller(self.folder, munin_port=node.port, simulate='true', simulate_file=target)
            process = subprocess.Popen([program(), '--config', str(poller.config_path), '--once'], stderr=subprocess.PIPE)
            with process:
                wait_until(lambda: 'config stall' in node.asked, 10)
                process.send_signal(signal.SIGTERM)
                err = process.communicate(timeout=5 * SLOW)[1].decode()
            self.assertEqual(process.returncode, 1)
            self.assertIn('ended by a signal', err)
            self.assertFalse(target.exists())
            node.plugins.pop('stall')
            self.assertEqual(poller.run('--once')[0], 0)
        self.assertEqual(len(target.read_text().splitlines()), 3 + 3, 'what came before the signal too')

    def test_a_second_one_is_refused(self):
        with ScriptedNode({'load': LOAD}) as node:
            keys = {'munin_port': node.port, 'simulate': 'true', 'simulate_file': self.folder / 'simulated'}
            with Poller(self.folder, **keys) as poller:
                wait_until(lambda: poller.log_lines('tick.done'), 10)
                status, _, err = poller.run()
                self.assertEqual(status, 1)
                self.assertRegex(err, r'spool_path: .* is held by another daemon, pid %d' % poller.process.pid)


class Nodes(ServersCase):
    def printed(self, plugins, **keys):
        with ScriptedNode(plugins) as node:
            messages = Poller(self.folder, munin_port=node.port, munin_timeout_s=1, poller_time=60, **keys).printed()
        return messages, node.asked

    def test_ten_thousand_fields(self):
        config = '\n'.join('f%d.label field %d\nf%d.type GAUGE' % (i, i, i) for i in range(10000))
        fetch = '\n'.join('f%d.value %d.5' % (i, i) for i in range(10000))
        messages, _ = self.printed({'big': {'config': config, 'fetch': fetch}, 'load': LOAD})
        self.assertEqual(data_of(messages)['big'], {'f%d' % i: '%d.5' % i for i in range(10000)})
        self.assertEqual(len(infos_of(messages)['big']['Infos']), 10000)
        self.assertEqual(data_of(messages)['load'], {'load': '0.25'})
        # and a storage takes all of it
        with Daemon(self.folder, http_ingest='true') as daemon:
            with ScriptedNode({'big': {'config': config, 'fetch': fetch}}) as node:
                poller = Poller(self.folder, munin_port=node.port, munin_timeout_s=20,
                                storage_url='http://127.0.0.1:%d' % daemon.port, poller_time=60)
                status, _, err = poller.run('--once', timeout_s=60)
                self.assertEqual(status, 0, err)
                self.assertIn('munin.info_cut plugin=big', err)  # over a message's size: told without colours and the like
            self.assertEqual(list(daemon.data(HOST, 'big', ['f9999'])['f9999'].values()), [9999.5])
            self.assertEqual(len(daemon.get('list', host=HOST)[2]['big']['Infos']), 10000)

    def test_stalls_deaths_and_garbage_cost_their_plugin_alone(self):
        def half(node, connection):
            connection.sendall(b'whole.value 1\nhalf.value 15')
            raise ScriptedNode.Close

        def trickle(node, connection):
            while not node.ended.wait(0.05):
                connection.sendall(b'#')
            raise ScriptedNode.Close

        def flood(node, connection):
            while not node.ended.is_set():
                connection.sendall(b'x.value 1\n' * 5000)
            raise ScriptedNode.Close

        def die(node, connection):
            raise ScriptedNode.Close

        plugins = {'aa': LOAD, 'stall': {'config': ScriptedNode.stall}, 'b': LOAD,
                   'stall_fetch': {'config': 'x.label x', 'fetch': ScriptedNode.stall}, 'c': LOAD,
                   'dies': {'config': die}, 'd': LOAD,
                   'half': {'config': 'whole.label w\nhalf.label h', 'fetch': half}, 'e': LOAD,
                   'trickle': {'config': 'x.label x', 'fetch': trickle}, 'f': LOAD,
                   'flood': {'config': 'x.label x', 'fetch': flood}, 'g': LOAD,
                   'garbage': {'config': 'x.label x', 'fetch': bytes(range(256)) * 20 + b'\n' + b'z' * 200000
                               + b'\nx.value 5\n.\n'}, 'h': LOAD,
                   'bad_exit': {'config': '# Bad exit', 'fetch': '# Bad exit'}, 'i': LOAD, '../../etc/passwd': LOAD,
                   '$(touch${IFS}x)': LOAD}
        begin = time.monotonic()
        messages, asked = self.printed(plugins)
        got = data_of(messages)
        for name in ('aa', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'):
            self.assertEqual(got[name], {'load': '0.25'}, name)
        self.assertEqual(got['half'], {'whole': '1'})
        self.assertEqual(got['garbage'], {'x': '5'})
        self.assertLess(time.monotonic() - begin, 15 * SLOW)
        for name in got:
            self.assertNotRegex(name, r'[/$]')
        self.assertEqual([a for a in asked if '/' in a or '$' in a], [])
        self.assertNotIn('stall', got)

    def test_a_dot_in_a_plugin_s_output_costs_that_plugin_alone(self):
        def late(node, connection):
            connection.sendall(b'x.value 6\n.\n')
            node.ended.wait(0.2)  # long enough for a reader to go on
            return b'd.value 7\n.\n'

        plugins = {'a': LOAD, 'dot': {'config': 'x.label x\ny.label y', 'fetch': b'x.value 1\n.\ny.value 2\n.\n'},
                   'b': {'config': 'b.label b', 'fetch': 'b.value 3'},
                   'dots': {'config': b'x.label x\n.\n.\n.\n', 'fetch': 'x.value 4'},
                   'c': {'config': 'c.label c', 'fetch': 'c.value 5'}}
        expected = {'a': {'load': '0.25'}, 'dot': {'x': '1'}, 'b': {'b': '3'}, 'dots': {'x': '4'}, 'c': {'c': '5'}}
        for version, n_connections in ((b'# Unknown command.\n', 1), (b'', 4), (None, 4)):
            with ScriptedNode(plugins, version=version) as node:
                messages = Poller(self.folder, munin_port=node.port, munin_timeout_s=1, poller_time=60).printed()
            self.assertEqual(data_of(messages), expected)
            self.assertEqual(set(infos_of(messages)), {'MyInfo'} | set(expected))
            self.assertEqual(node.asked.count('connect'), n_connections)
        plugins = {'late': {'config': 'x.label x', 'fetch': late}, 'd': {'config': 'd.label d', 'fetch': 'd.value 8'}}
        messages, asked = self.printed(plugins)
        self.assertEqual(data_of(messages), {'late': {'x': '6'}, 'd': {'d': '8'}})
        self.assertEqual(asked.count('connect'), 1)

    def test_a_node_that_says_nothing_at_all(self):
        with socket.create_server(('127.0.0.1', free_port())) as deaf:
            poller = Poller(self.folder, munin_port=deaf.getsockname()[1], munin_timeout_s=1)
            status, out, err = poller.run('--once', '--print')
            self.assertEqual(status, 1)
            self.assertIn('no answer in time', err)
            with poller:
                wait_until(lambda: poller.log_lines('munin.away'), 10)
                poller.stop()  # in the midst of waiting
                self.assertLess(poller.stop_took_s, 2 * SLOW)

    def test_an_old_node_without_capabilities(self):
        with ScriptedNode({'load': LOAD}, capabilities=b'# Unknown command. Try cap, list\n') as node:
            self.assertEqual(data_of(Poller(self.folder, munin_port=node.port).printed()), {'load': {'load': '0.25'}})

    def test_multigraph_and_dirtyconfig(self):
        plugins = {
            'disk': {'config': 'multigraph disk_io\ngraph_title IO\na.label a\nmultigraph disk_io.vda\n'
                               'graph_title IO of vda\nrd.label r\nrd.type DERIVE',
                     'fetch': 'multigraph disk_io\na.value 1\nmultigraph disk_io.vda\nrd.value 5'},
            'dirty': {'config': 'graph_title Dirty\nx.label x.value 7\nx.value 3', 'fetch': ScriptedNode.stall}}
        messages, asked = self.printed(plugins)
        self.assertEqual(data_of(messages),
                         {'disk_io': {'a': '1'}, 'disk_io.vda': {'rd': 'U'}, 'dirty': {'x': '3'}})
        infos = infos_of(messages)
        self.assertEqual(set(infos), {'MyInfo', 'disk_io', 'disk_io.vda', 'dirty'})
        self.assertEqual(infos['disk_io.vda']['Title'], 'IO of vda')
        self.assertEqual(infos['dirty']['Infos'], {'x': {'label': 'x.value 7', 'id': 'x'}})
        self.assertNotIn('fetch dirty', asked)
        self.assertEqual(asked.count('connect'), 1)

    def test_plugins_enable_is_anchored_at_the_start(self):
        plugins = {name: LOAD for name in ('cpu', 'cpu2', 'mycpu', 'df')}
        for expression, expected in (('cpu', {'cpu', 'cpu2'}), ('^cpu$', {'cpu'}), ('(?!df)', {'cpu', 'cpu2', 'mycpu'}),
                                     ('.*u', {'cpu', 'cpu2', 'mycpu'})):
            messages, asked = self.printed(plugins, plugins_enable=expression)
            self.assertEqual(set(data_of(messages)), expected, expression)
            self.assertEqual({a.split()[1] for a in asked if a.startswith('fetch')}, expected)

    def test_a_plugin_that_hangs_is_asked_less_often(self):
        with ScriptedNode({'stall': {'config': ScriptedNode.stall}, 'load': LOAD}) as node:
            with Poller(self.folder, munin_port=node.port, munin_timeout_s=1, simulate='true',
                        simulate_file=self.folder / 'simulated') as poller:
                wait_until(lambda: len(poller.log_lines('tick.done')) >= 10, 40, poller.log)
        self.assertLessEqual(node.asked.count('config stall'), 4)
        self.assertGreaterEqual(node.asked.count('fetch load'), 10)
        self.assertEqual(len(poller.log_lines('warning event=munin.failed plugin=stall')), 1)

    def test_a_node_that_is_too_slow_gets_its_plugins_asked_in_turn(self):
        def slow(node, connection):
            node.ended.wait(0.1)
            return 'load.value 1'

        plugins = {'p%02d' % i: {'config': LOAD['config'], 'fetch': slow} for i in range(60)}
        with ScriptedNode(plugins) as node:
            with Poller(self.folder, munin_port=node.port, simulate='true',
                        simulate_file=self.folder / 'simulated') as poller:
                wait_until(lambda: 'fetch p59' in node.asked, 20, poller.log)
        self.assertTrue(poller.log_lines(r'munin.away why="too slow: \d+ plugins were not asked"'))
        self.assertEqual(set(node.asked) & {'fetch ' + name for name in plugins}, {'fetch ' + name for name in plugins})

    def test_what_a_long_tick_has_is_on_the_disk_before_its_end(self):
        big = {'config': 'x.label x', 'fetch': '\n'.join('%s%d.value 1' % ('n' * 200, i) for i in range(3000))}
        with ScriptedNode({'big': big, 'stall': {'config': ScriptedNode.stall}}) as node:
            poller = Poller(self.folder, munin_port=node.port, poller_time=60, munin_timeout_s=20, my_host_id='early',
                            storage_url='http://127.0.0.1:%d' % free_port()).start()
            wait_until(lambda: 'config stall' in node.asked, 80, poller.log)
            used = sum(f.stat().st_size for f in Path(poller.spool_path).glob('*.seg'))
            poller.kill9()
        self.assertGreater(used, 256 * 1024)

    def test_an_empty_list_forgets_nobody(self):
        plugins = {'load': LOAD}
        with ScriptedNode(plugins) as node:
            with Poller(self.folder, munin_port=node.port, simulate='true',
                        simulate_file=self.folder / 'simulated') as poller:
                wait_until(lambda: 'fetch load' in node.asked, 10)
                del plugins['load']
                wait_until(lambda: poller.log_lines('munin.away why="the node lists no plugins"'), 10, poller.log)
                plugins['load'] = LOAD
                before = node.asked.count('fetch load')
                wait_until(lambda: node.asked.count('fetch load') > before, 10)
        self.assertEqual(node.asked.count('config load'), 1)

    def test_counters_stay_when_node_or_plugin_fail_after_a_restart(self):
        plugins = {'count': {'config': 'c.label c\nc.type COUNTER', 'fetch': Counter(1000)}}
        with ScriptedNode(plugins) as node:
            poller = Poller(self.folder, munin_port=node.port, simulate='true', simulate_file=self.folder / 'simulated')
            counters = self.folder / 'poller' / 'counters'
            self.assertEqual(poller.run('--once')[0], 0)
            kept = counters.read_text()
            self.assertIn('count\tcount\tc\t', kept)
            poller.write_config(munin_port=free_port())
            self.assertEqual(poller.run('--once')[0], 1)
            self.assertEqual(counters.read_text(), kept)
            poller.write_config(munin_port=node.port)
            good, plugins['count'] = plugins['count'], {'config': '# Bad exit', 'fetch': '# Bad exit'}
            self.assertEqual(poller.run('--once')[0], 0)
            self.assertEqual(counters.read_text(), kept)
            plugins['count'] = good
            second = int(time.time())
            wait_until(lambda: int(time.time()) > second, 5)  # a second is measured once
            self.assertEqual(poller.run('--once')[0], 0)
            self.assertEqual(counters.read_text().count('count\tcount\tc\t'), 1)
            self.assertNotEqual(counters.read_text(), kept)

    def test_rates_go_on_over_a_restart(self):
        counter = Counter(1000)
        target = self.folder / 'simulated'
        with ScriptedNode({'count': {'config': 'c.label c\nc.type COUNTER', 'fetch': counter}}) as node:
            poller = Poller(self.folder, munin_port=node.port, simulate='true', simulate_file=target)

            def values():
                lines = map(json.loads, target.read_text().splitlines()) if target.exists() else ()
                return [json.loads(m['args']['message'])['Values']['c'] for m in lines
                        if m['context']['type'] == 'data']

            with poller:
                wait_until(lambda: len(values()) >= 3, 15)
                self.assertEqual(values()[0], 'U')
                poller.kill9()
            before = len(values())
            with poller:
                wait_until(lambda: len(values()) >= before + 2, 15)
            # asked once a second or a little more apart: no reading was forgotten, so no `U` after the first
            self.assertTrue(all(isinstance(v, float) and 0 < v <= 1000 for v in values()[1:]), values())


class RefusingStorage(http.server.BaseHTTPRequestHandler):
    """Answers with what the server's list says, 200 afterwards; keeps what it got."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        answers = self.server.answers
        status, answer = answers.pop(0) if answers else (200, {'accepted': 0, 'rejected': []})
        self.server.got.append((status, self.headers, [json.loads(line) for line in body.splitlines()]))
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


class Storages(ServersCase):
    def storage(self, answers):
        server = http.server.ThreadingHTTPServer(('127.0.0.1', free_port()), RefusingStorage)
        server.answers, server.got = answers, []
        thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02})
        thread.start()

        def end():
            server.shutdown()
            server.server_close()
            thread.join()
        self.addCleanup(end)
        return server

    def test_refusals_are_told_and_failures_tried_again(self):
        server = self.storage([(503, {'error': 'busy'}), (200, {'accepted': 2, 'rejected': [
            {'index': 1, 'reason': 'timestamp', 'ds': ['load']}]})])
        with ScriptedNode({'load': LOAD}) as node:
            with Poller(self.folder, munin_port=node.port, poller_time=2, storage_token='open-sesame',
                        storage_url='http://127.0.0.1:%d/there' % server.server_port) as poller:
                wait_until(lambda: len(server.got) >= 3, 20, poller.log)
        first, second = server.got[0], server.got[1]
        self.assertEqual([m['context']['plugin'] for m in first[2]], ['MyInfo', 'load', 'load'])
        self.assertEqual(second[2][:3], first[2], 'the same again, oldest first')
        self.assertEqual(first[1]['Authorization'], 'Bearer open-sesame')
        self.assertEqual(first[1]['Content-Type'], 'application/x-ndjson')
        self.assertEqual(len(poller.log_lines(r'sender.rejected plugin=load reason=timestamp ds=\["load"\]')), 1)
        self.assertEqual(len(poller.log_lines('warning event=sender.waits')), 1)
        self.assertNotIn('open-sesame', poller.log())
        stamps = [json.loads(m['args']['message'])['TimeStamp'] for status, _, messages in server.got
                  if status == 200 for m in messages if m['context']['type'] == 'data']
        self.assertEqual(len(stamps), len(set(stamps)), 'nothing twice once it was answered with 200')

    def test_too_large_is_sent_in_halves(self):
        server = self.storage([(413, {}), (200, {'accepted': 1, 'rejected': []}), (413, {}), (413, {})])
        with ScriptedNode({'load': LOAD}) as node:
            poller = Poller(self.folder, munin_port=node.port,
                            storage_url='http://127.0.0.1:%d' % server.server_port)
            self.assertEqual(poller.run('--once')[0], 0)
        self.assertEqual([len(m) for _, _, m in server.got], [3, 1, 2, 1, 1])
        self.assertEqual(len(poller.log_lines('sender.given_up plugin=load')), 1)

    def test_only_a_storage_s_answer_counts(self):
        server = self.storage([(200, {'status': 'ok'}), (200, ['accepted']), (200, {'accepted': 'all'}),
                               (400, {'error': 'what is that?'})])
        with ScriptedNode({'load': LOAD}) as node:
            poller = Poller(self.folder, munin_port=node.port,
                            storage_url='http://127.0.0.1:%d' % server.server_port)
            for expected in ["the answer is not a storage's"] * 3 + ['status 400: .*what']:
                status, _, err = poller.run('--once')
                self.assertEqual(status, 1)
                self.assertRegex(err, r'not all is sent: .*' + expected)
            self.assertEqual(poller.run('--once')[0], 0)
        self.assertEqual([m['context']['plugin'] for m in server.got[-1][2]], ['MyInfo', 'load', 'load'] * 5)

    def test_refused_values_are_told_now_and_then(self):
        rejected = [{'index': 1, 'reason': 'timestamp', 'ds': ['x']}] * 5
        server = self.storage([(200, {'accepted': 3, 'rejected': rejected})])
        with ScriptedNode({'load': LOAD}) as node:
            poller = Poller(self.folder, munin_port=node.port,
                            storage_url='http://127.0.0.1:%d' % server.server_port)
            self.assertEqual(poller.run('--once')[0], 0)
        self.assertEqual(len(poller.log_lines('sender.rejected')), 1)

    def test_once_keeps_what_it_cannot_send(self):
        with ScriptedNode({'load': LOAD}) as node:
            poller = Poller(self.folder, munin_port=node.port, storage_url='http://127.0.0.1:%d' % free_port())
            status, _, err = poller.run('--once')
            self.assertEqual(status, 1)
            self.assertRegex(err, r'not all is sent: .*Connection refused; it is kept in %s' % poller.spool_path)
            server = self.storage([])
            poller.write_config(storage_url='http://127.0.0.1:%d' % server.server_port)
            self.assertEqual(poller.run('--once')[0], 0)
            self.assertEqual(sum(len(m) for _, _, m in server.got), 6)
        status, _, err = poller.run('--once')
        self.assertEqual(status, 1)
        self.assertRegex(err, r'munin-node at 127\.0\.0\.1:%d: Connection refused' % node.port)

    def test_measuring_goes_on_while_a_storage_hangs(self):
        with socket.create_server(('127.0.0.1', free_port())) as deaf, ScriptedNode({'load': LOAD}) as node:
            with Poller(self.folder, munin_port=node.port,
                        storage_url='http://127.0.0.1:%d' % deaf.getsockname()[1]) as poller:
                wait_until(lambda: len(poller.log_lines('tick.done')) >= 4, 15)
                poller.stop()
                self.assertLess(poller.stop_took_s, 2 * SLOW)

    def test_a_unix_socket(self):
        path = self.folder / 'http.sock'
        with Daemon(self.folder, http_ingest='true') as daemon:
            daemon.stop()
            daemon.keys['http_listen'] = '127.0.0.1:%d, unix:%s' % (daemon.port, path)
            daemon.write_config()
            daemon.start()
            with ScriptedNode({'load': LOAD}) as node:
                poller = Poller(self.folder, munin_port=node.port, storage_url='unix:%s' % path)
                self.assertEqual(poller.run('--once')[0::2], (0, ''))
            self.assertEqual(list(daemon.data(HOST, 'load', ['load'])['load'].values()), [0.25])

    def test_what_is_lost_at_the_end_is_told(self):
        with ScriptedNode({'load': LOAD}) as node:
            with Poller(self.folder, munin_port=node.port,
                        storage_url='http://127.0.0.1:%d' % free_port()) as poller:
                wait_until(lambda: poller.log_lines('sender.waits'), 10, poller.log)
                shutil.rmtree(poller.spool_path)
                wait_until(lambda: poller.log_lines('error event=spool.unwritten'), 40, poller.log)
        self.assertRegex(poller.log(), r'warning event=daemon.lost bytes=\d+ why="neither written nor sent"')

    def test_the_spool_is_bounded_and_says_what_it_dropped(self):
        big = {'config': 'x.label x', 'fetch': '\n'.join('%s%d.value 1' % ('n' * 200, i) for i in range(1000))}
        with ScriptedNode({'big': big}) as node:
            with Poller(self.folder, munin_port=node.port, spool_max_bytes='1M',
                        storage_url='http://127.0.0.1:%d' % free_port()) as poller:
                wait_until(lambda: poller.log_lines('warning event=spool.dropped'), 40, poller.log)
                used = sum(f.stat().st_size for f in Path(poller.spool_path).glob('*.seg'))
                self.assertLess(used, 1 << 20)


if __name__ == '__main__':
    main()
