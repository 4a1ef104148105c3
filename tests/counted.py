"""Runs the unit tests of a test program and ends with the line that scripts/test.sh adds up."""

import sys
import unittest


def run():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    # A module that cannot be set up fails without a test of it having run.
    passed = max(0, result.testsRun - failed - len(result.skipped))
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)
