#!/usr/bin/env python3
"""Records what Helm prints for the templates of `generate.py`: one JSON file a group, one template a line.

    ./record.py [helm]

Left out is what no two runs print alike. Helm 4.3.1 made the recordings.
"""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
HELM = sys.argv[1] if len(sys.argv) > 1 else 'helm'
START = '---\n# Source: generated/templates/case.yaml\nout: '
RANDOM = re.compile(r'rand|gen[A-Z]|uuid|shuffle|bcrypt|htpasswd|encryptAES|now|ago')


def chart(directory):
    for name in ('Chart.yaml', 'values.yaml'):
        (directory / name).write_text((HERE / name).read_text())
    for name, text in (('a.txt', 'alpha\nbeta\n'), ('b.yaml', 'k: v\n'), ('sub/c.txt', 'gamma')):
        path = directory / 'files' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (directory / 'templates').mkdir()
    (directory / 'templates/_helpers.tpl').write_text((HERE / 'helpers.tpl').read_text())
    (directory / 'templates/case.yaml').write_text('out: {{ include "generated/templates/_case.tpl" . | toJson }}')


def render(directory, text):
    (directory / 'templates/_case.tpl').write_text(text)
    run = subprocess.run([HELM, 'template', 'rel', str(directory), '-n', 'ns'], capture_output=True, timeout=60,
                         env={**os.environ, 'TZ': 'UTC'})
    if run.returncode:
        error = run.stderr.decode(errors='replace')
        error = '\n'.join(line for line in error.split('\n') if not line.startswith('level='))
        return {'error': error.removeprefix('Error: ').replace('\n\nUse --debug flag to render out invalid YAML', '').strip()}
    out = run.stdout.decode(errors='replace')
    assert out.startswith(START), out
    return {'out': json.loads(out[len(START):])}


def main():
    cases = subprocess.run([sys.executable, str(HERE / 'generate.py')], capture_output=True, check=True).stdout.decode()
    groups = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        chart(directory)
        for line in cases.splitlines():
            case = json.loads(line)
            found = render(directory, case['text'])
            if re.search(r'0[xX][0-9a-fA-F]{8,}|Location=', str(found)):
                continue
            if RANDOM.search(case['text']) and render(directory, case['text']) != found:
                continue
            groups[case['group']].append(json.dumps({'text': case['text'], **found}, ensure_ascii=False))
    for group, lines in groups.items():
        (HERE / f'{group}.jsonl').write_text('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
