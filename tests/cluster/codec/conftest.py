"""Fixtures of what is written as the operator and read back."""

from __future__ import annotations

import pytest
from tests.cluster.codec.wire import Wire
from tests.cluster.plane import Api


@pytest.fixture
def wire(operator_api: Api, api: Api, namespace: str) -> Wire:
    return Wire(operator_api, api, namespace)
