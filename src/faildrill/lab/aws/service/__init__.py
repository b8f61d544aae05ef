"""The service behind the API: it fails a real cluster over, step by step, and logs each moment as it really was.

`python -m faildrill.lab.aws.service FILE`. It goes on when the API is killed, as the real one does.
"""
