# SPDX-License-Identifier: Apache-2.0
"""Asks the API server of a kubeconfig: requests as a JSON list on standard input, [method, path, content type, body];
answers as a JSON list of [status, body]. Runs where the server can be reached, which may be another network."""
import base64
import http.client
import json
import os
import ssl
import sys
import tempfile
import urllib.parse

import yaml


def pem(entry, name, folder):
    """The file of a certificate or key that stands in the kubeconfig or beside it."""
    if entry.get(name):
        return entry[name]
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(base64.b64decode(entry[name + "-data"]))
    return path


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        config = yaml.safe_load(file)
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    url = urllib.parse.urlsplit(cluster["server"])
    headers = {"User-Agent": "ask/1", "Accept": "application/json"}
    if user.get("token"):
        headers["Authorization"] = f"Bearer {user['token']}"
    if url.scheme == "https":
        with tempfile.TemporaryDirectory() as folder:
            context = ssl.create_default_context(cafile=pem(cluster, "certificate-authority", folder))
            context.load_cert_chain(pem(user, "client-certificate", folder), pem(user, "client-key", folder))
        connection = http.client.HTTPSConnection(url.hostname, url.port or 443, context=context)
    else:
        connection = http.client.HTTPConnection(url.hostname, url.port)
    answers = []
    for method, path, kind, body in json.load(sys.stdin):
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        connection.request(method, path, text, headers | ({"Content-Type": kind} if kind else {}))
        answer = connection.getresponse()
        data = answer.read().decode()
        try:
            data = json.loads(data)
        except ValueError:
            pass
        answers.append([answer.status, data])
    json.dump(answers, sys.stdout)


main()
