"""The Java backends with a proxy before each: the services go through it, the test and the supervisor do not."""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from deploy.backends import GoesOn, Java, Say
from deploy.java.servers import HOST, KafkaServer, MongoServer
from deploy.local.processes import free_port
from deploy.local.state import Folder
from tests.proxy import Proxy


class Proxied(Java):
    """`before_services` is called once Kafka has its topics and no service runs yet."""

    kafka_proxy: Proxy
    mongodb_proxy: Proxy

    def __init__(
        self, folder: Folder, say: Say, goes_on: GoesOn, before_services: Callable[["Proxied"], None] = lambda _: None
    ) -> None:
        super().__init__(folder, say, goes_on)
        self._proxies = ExitStack()
        self._before_services = before_services

    def __enter__(self) -> Self:
        try:
            super().__enter__()
            self._before_services(self)
        except BaseException:
            self.stop()
            raise
        return self

    def _servers_of(self, path: Path) -> tuple[MongoServer, KafkaServer]:
        mongodb = MongoServer(path / "mongodb")
        self.mongodb_proxy = self._proxies.enter_context(Proxy(mongodb.address))
        through = free_port()
        self.kafka_proxy = self._proxies.enter_context(Proxy(f"{HOST}:{through}"))
        # Made twice: the first says which ports it has chosen, which the settings of one more listener must repeat.
        first = KafkaServer(path / "kafka")
        return mongodb, KafkaServer(path / "kafka", self._with_proxy(path / "kafka", first, through))

    def _with_proxy(self, folder: Path, server: KafkaServer, through: int) -> Mapping[str, str]:
        _, controller = json.loads((folder / "ports.json").read_text())
        return {
            "listeners": f"CLIENT://{server.address},CONTROLLER://{HOST}:{controller},PROXIED://{HOST}:{through}",
            "advertised.listeners": f"CLIENT://{server.address},PROXIED://{self.kafka_proxy.address}",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT",
        }

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings that lead the services through the proxies."""
        through = {
            "LAHETE_KAFKA": self.kafka_proxy.address,
            "LAHETE_MONGODB": f"mongodb://{self.mongodb_proxy.address}",
        }
        return {**super().environment, **through}

    def stop(self) -> None:
        """Ends the servers, then the proxies."""
        super().stop()
        self._proxies.close()
