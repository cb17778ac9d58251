"""What all tests share: how Hypothesis looks for examples.

`make test` tries the same examples every time and everywhere; `make test-all`
(`--hypothesis-profile=exploring`) looks for new ones. No example has a time limit,
since a busy machine is not a failure.
"""

from hypothesis import settings

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("exploring", deadline=None, max_examples=500, print_blob=True)
settings.load_profile("repeatable")
