"""`python -m vipa` is the command `vipa`."""

from vipa.cli.main import main

main()
