#!/usr/bin/env python3
"""Counts tests in reports of several runners: count.py REPORT… prints "PASSED FAILED SKIPPED".

REPORT is JUnit XML (pytest, ctest) or, with the ending .tap, what `node --test --test-reporter=tap` prints. A report that is missing or broken is an error: exit status 1.
"""
import re
import sys
import xml.etree.ElementTree


def count_junit(path):
    passed = failed = skipped = 0
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        children = {child.tag for child in case}
        if children & {"failure", "error"} or case.get("status") in ("fail", "notrun"):
            failed += 1
        elif "skipped" in children:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def count_tap(path):
    with open(path, encoding="utf-8", errors="replace") as report:
        text = report.read()
    found = {name: re.search(rf"^# {name} (\d+)$", text, re.MULTILINE) for name in ("pass", "fail", "cancelled", "skipped")}
    if not found["pass"] or not found["fail"]:
        raise ValueError("no summary")
    numbers = {name: int(match[1]) if match else 0 for name, match in found.items()}
    return numbers["pass"], numbers["fail"] + numbers["cancelled"], numbers["skipped"]


def main():
    passed = failed = skipped = 0
    for path in sys.argv[1:]:
        try:
            p, f, k = count_tap(path) if path.endswith(".tap") else count_junit(path)
        except (OSError, ValueError, xml.etree.ElementTree.ParseError) as error:
            sys.exit(f"{path}: {error}")
        passed += p
        failed += f
        skipped += k
    print(passed, failed, skipped)


if __name__ == "__main__":
    main()
