"""The page and its API: `anime2real serve`, the extra `web`.

`settings.py` has the limits; `guard.py` and `protocol.py` stand at the door, `intake.py` reads what is sent,
`line.py` lets it wait, `studio.py` does the work, `batcher.py` gathers it for the network, `app.py` joins them.
`page/` is plain HTML, CSS and JavaScript. Nothing outside this folder imports it before `serve` runs.
"""
