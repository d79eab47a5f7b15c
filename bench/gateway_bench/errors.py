"""The one error that is shown without a traceback."""


class BenchError(Exception):
    """The run cannot be made, or proved something wrong; the text says what and what to do."""
