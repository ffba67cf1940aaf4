"""For `kopf run -A --module vipa.shell.kopf_run`; options come from the environment (VIPA_*)."""

from __future__ import annotations

import kopf

from vipa.shell import handlers
from vipa.shell.app import Operator
from vipa.shell.settings import from_environment

handlers.register(kopf.get_default_registry(), Operator(from_environment()))
