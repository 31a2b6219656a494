#!/usr/bin/env python3
"""Counts tests in reports of several runners: count.py REPORT… prints "PASSED FAILED".

REPORT is JUnit XML (pytest, ctest) or, with the ending .tap, what `node --test --test-reporter=tap` prints. Skipped tests count
as neither. A report that is missing or broken is an error: exit status 1.
"""
import re
import sys
import xml.etree.ElementTree


def count_junit(path):
    passed = failed = 0
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        children = {child.tag for child in case}
        if children & {"failure", "error"} or case.get("status") in ("fail", "notrun"):
            failed += 1
        elif "skipped" not in children:
            passed += 1
    return passed, failed


def count_tap(path):
    with open(path, encoding="utf-8", errors="replace") as report:
        text = report.read()
    found = {name: re.search(rf"^# {name} (\d+)$", text, re.MULTILINE) for name in ("pass", "fail", "cancelled")}
    if not found["pass"] or not found["fail"]:
        raise ValueError("no summary")
    return int(found["pass"][1]), int(found["fail"][1]) + (int(found["cancelled"][1]) if found["cancelled"] else 0)


def main():
    passed = failed = 0
    for path in sys.argv[1:]:
        try:
            p, f = count_tap(path) if path.endswith(".tap") else count_junit(path)
        except (OSError, ValueError, xml.etree.ElementTree.ParseError) as error:
            sys.exit(f"{path}: {error}")
        passed += p
        failed += f
    print(passed, failed)


if __name__ == "__main__":
    main()
