"""/livez, /readyz and /metrics, on the loop that they speak of: a stuck loop does not answer."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from vipa.shell.metrics import Metrics
from vipa.shell.sight import Sight

LAG_EVERY_S = 0.5


class Endpoint:
    """Ready means synced and not blind; it does not mean that anything can be written."""

    def __init__(self, metrics: Metrics, sight: Sight) -> None:
        self._metrics = metrics
        self._sight = sight
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        if not port:
            return
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._scrape)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def measure_lag_forever(self) -> None:
        while True:
            due = time.perf_counter() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._metrics.loop_lag.observe(max(0.0, time.perf_counter() - due))

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        if not self._sight.synced:
            return web.Response(status=503, text="not everything has been listed yet\n")
        now = time.monotonic()
        if (since := self._sight.blind_since(now)) is not None:
            words = (
                f"the API server has not answered for {now - since:.0f} s: probes do not count\n"
            )
            return web.Response(status=503, text=words)
        return web.Response(text="ok\n")

    async def _scrape(self, _: web.Request) -> web.Response:
        body = generate_latest(self._metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
