"""The page and its API: `anime2real serve`, the extra `web`.

`settings.py` holds the limits. `server.py` listens with uvicorn, whose connections `protocol.py` times; `middleware.py`
checks who may ask; `upload.py` reads the form and `request.py` its fields; `admission.py` bounds how many requests and
how much memory are in work; `service.py` does the work on a picture; `batcher.py` and `translators.py` run the networks
on crops of several requests; `app.py` joins them. `page/` is plain HTML, CSS and JavaScript.
"""
