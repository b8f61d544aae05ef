"""`python -m faildrill` is the command line."""

from faildrill.cli.main import main

main()
