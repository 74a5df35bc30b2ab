"""Requests that nobody foresaw (ファジング): schemathesis against a running server, as everybody who may call it.

    python -m tests.fuzzing --requests 10000

What must hold of every answer: no 5xx, and nothing that ``/openapi.json`` does not promise for that operation (status,
media type, body, the problem's slug); and the server's log tells of no bug.
"""
