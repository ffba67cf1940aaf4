import sys

from tests.chaos.checker.report import main

sys.exit(main(sys.argv[1:]))
