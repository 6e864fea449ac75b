"""Runs conformance/run.py with each line of arguments, JSON, of stdin, and prints each report as a line.

Python's start takes longer than a case, so a few processes do them all.
"""
import contextlib, io, json, multiprocessing, pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "conformance"))
import run


def printed_by(arguments):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run.main(arguments)
    return json.loads(printed.getvalue())


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(8) as pool:
        for report in pool.imap(printed_by, map(json.loads, sys.stdin)):
            print(json.dumps(report), flush=True)
