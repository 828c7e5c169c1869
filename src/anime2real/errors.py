"""The one base of every failure that a user can cause."""


class UserError(Exception):
    """A failure to be told in one line: what went wrong, where, and what to do about it.

    The command line prints the message without a traceback; the Python API raises it.
    """


class UsageError(UserError):
    """Bad usage: the command line exits with 2 in place of 1."""
