#!/usr/bin/env python3
"""Asks a running zswarm with the openai package, streaming; twice with one seed, to show that the answers are equal."""
import argparse
import sys

import openai


def ask(client, model, question, seed):
    """Prints the answer as it comes; returns it."""
    answer = ""
    stream = client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}], seed=seed, max_tokens=100, stream=True)
    for event in stream:
        piece = event.choices[0].delta.content or ""
        print(piece, end="", flush=True)
        answer += piece
    print("\n")
    return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080/v1")
    parser.add_argument("--api-key", default="none")
    parser.add_argument("question", nargs="?", default="Tell me a very short story about bees.")
    args = parser.parse_args()
    client = openai.OpenAI(base_url=args.url, api_key=args.api_key)
    model = client.models.list().data[0].id
    first = ask(client, model, args.question, seed=1)
    second = ask(client, model, args.question, seed=1)
    if first != second:
        sys.exit("the two answers differ, which should never happen")
    print("(the same seed, the same answer)")


if __name__ == "__main__":
    main()
