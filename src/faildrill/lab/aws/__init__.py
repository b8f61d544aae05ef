"""The lab of AWS: an Aurora cluster of two real PostgreSQL servers, behind an API that really moves it.

Four things that are one in the cloud are kept apart, so that each can fail alone: the API (`api`, Moto with what it
lacks), the service behind it that fails over (`service`), the name server by which users find the writer
(`name_server`), and the instances themselves.
"""
