"""The blind comparison: `anime2real study`, the extra `study`.

Raters who do not know what made a picture choose the better of two, or the real one of two. `create.py` makes a study
and `trials.py` reads it; `server.py` serves its page; `answers.py` stores the answers; `analysis.py` and
`statistics.py` compute the figures, which `report.py` shows; `simulate.py` answers in place of people.
"""
