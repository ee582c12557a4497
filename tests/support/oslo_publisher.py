"""A poller of today: sends messages with oslo.messaging RPC casts, as a process of its own (oslo keeps its options
for the whole process).

As a program: oslo_publisher.py cast URL FILE [option=value ...]     options of [oslo_messaging_rabbit]
              oslo_publisher.py call URL FILE                        one {"topic", "method", "context", "args"}"""
import json
import os
import subprocess
import sys


def publish(port, messages, folder, timeout_s=60, **options):
    """Every message, in order, each confirmed by the broker when this returns.
    options: of [oslo_messaging_rabbit], e.g. amqp_durable_queues=True, kombu_compression='gzip'."""
    path = os.path.join(str(folder), 'to-publish.jsonl')
    with open(path, 'w') as f:
        for m in messages:
            f.write(json.dumps(m) + '\n')
    said = _run('cast', port, path, ['%s=%s' % option for option in options.items()], timeout_s)
    assert said == 'sent %d' % len(messages), said


def call(port, folder, topic, method, context=None, args=None, timeout_s=30):
    """An RPC call: what it returns."""
    path = os.path.join(str(folder), 'to-call.json')
    with open(path, 'w') as f:
        json.dump({'topic': topic, 'method': method, 'context': context or {}, 'args': args or {}}, f)
    return json.loads(_run('call', port, path, [], timeout_s))


def _run(mode, port, path, options, timeout_s):
    # -P: this folder has an amqp.py too. The cache of entry points goes where the messages are.
    done = subprocess.run(['/usr/bin/python3', '-P', '-W', 'ignore', os.path.abspath(__file__), mode,
                           'rabbit://guest:guest@127.0.0.1:%d//' % port, path] + options,
                          timeout=timeout_s, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=dict(os.environ, XDG_CACHE_HOME=os.path.dirname(path)))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def _main():
    from oslo_config import cfg
    import oslo_messaging

    mode, url, path = sys.argv[1:4]
    conf = cfg.CONF
    conf([])
    oslo_messaging.set_transport_defaults('numeter')
    transport = oslo_messaging.get_rpc_transport(conf, url=url)
    for option in sys.argv[4:]:
        name, value = option.split('=', 1)
        conf.set_override(name, value == 'True' if value in ('True', 'False') else value, 'oslo_messaging_rabbit')
    client = oslo_messaging.get_rpc_client(transport, oslo_messaging.Target(topic='default_topic'), retry=0, timeout=20)
    with open(path) as f:
        messages = [json.loads(line) for line in f]
    if mode == 'call':
        m, = messages
        print(json.dumps(client.prepare(topic=m['topic']).call(m['context'], m['method'], **m['args'])), flush=True)
    else:
        for m in messages:
            client.prepare(topic=m['topic']).cast(m['context'], 'poller_msg', args=m['args'])
        print('sent %d' % len(messages), flush=True)
    os._exit(0)  # all is confirmed; an orderly end would wait 10 s for the heartbeat thread


if __name__ == '__main__':
    _main()
