"""For all tests."""

from __future__ import annotations

import signal

# Whoever starts us in the background makes us ignore Ctrl-C, and our children would inherit that:
# what is tested about Ctrl-C would never be heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
