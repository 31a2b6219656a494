#!/usr/bin/env python3
"""Asks a running server one question and prints the answer as it streams: ask.py http://HOST:PORT QUESTION

Needs nothing but Python. Exit status 1, and a sentence, if no answer comes.
"""
import http.client
import json
import sys
import urllib.parse


def answer(url, question):
    """Yields pieces of text; the event stream is the one of OpenAI's API."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
    body = {"messages": [{"role": "user", "content": question}], "max_tokens": 80, "stream": True, "temperature": 0}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    if response.status != 200:
        raise RuntimeError(f"status {response.status}: {response.read(2000).decode(errors='replace')}")
    for line in response:
        if not line.startswith(b"data: ") or line.strip() == b"data: [DONE]":
            continue
        event = json.loads(line[len(b"data: "):])
        if "error" in event:
            raise RuntimeError(event["error"]["message"])
        for choice in event["choices"]:
            yield choice["delta"].get("content") or ""


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[0])
    pieces = 0
    try:
        for piece in answer(sys.argv[1], sys.argv[2]):
            pieces += 1 if piece else 0
            print(piece, end="", flush=True)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        sys.exit(f"\nno answer from {sys.argv[1]}: {error}")
    print()
    if pieces == 0:
        sys.exit(f"the answer from {sys.argv[1]} is empty")


if __name__ == "__main__":
    main()
