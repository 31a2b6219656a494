"""Tests that run beside each other: each in a lab of its own and in a thread of its own, so that their waiting overlaps.

The first one that pytest comes to starts all that were chosen, MOST at a time; each is then waited for in its turn, and passes or fails by itself.
"""
import concurrent.futures
import inspect

import harness

MOST = 3  # labs of up to eight nodes each, on two cores


def beside(scenario):
    """Makes a test of scenario(lab), or of scenario(lab, report)."""

    def test(side_by_side, report):
        for text in side_by_side.result(scenario):
            report(text)

    test.__name__, test.__doc__, test.scenario = scenario.__name__, scenario.__doc__, scenario
    return test


class SideBySide:
    def __init__(self, folder, scenarios):
        self.folder = folder
        self.pool = concurrent.futures.ThreadPoolExecutor(MOST)
        self.runs = {scenario: self.pool.submit(self._run, scenario) for scenario in scenarios}

    def _run(self, scenario):
        said = []
        folder = self.folder / scenario.__name__
        folder.mkdir()
        with harness.Lab(folder) as lab:
            scenario(*(lab, said.append)[:len(inspect.signature(scenario).parameters)])
        return said

    def result(self, scenario):
        """What it reported; raises what it raised."""
        return self.runs[scenario].result()

    def close(self):
        self.pool.shutdown(cancel_futures=True)
