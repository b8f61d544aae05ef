"""The API: Moto's own application, with what it lacks or does wrong, and with the lies that are asked for.

`python -m faildrill.lab.aws.api FILE`. Routing, parsing, answers by botocore's models and IAM are Moto's.
"""
