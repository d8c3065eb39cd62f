"""`python -m fairlead` is the `fairlead` command."""

from fairlead.cli.app import main

main()
