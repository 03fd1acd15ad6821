"""One frozen Settings, read once from the environment and the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. The rooms get plain arguments made of it."""

    #: where the embedded database lives (`CHAINGRAPH_DATA_DIR`)
    data_dir: Path = Path(".chaingraph")
    #: a database URL; empty means SQLite in the data directory (`CHAINGRAPH_DATABASE_URL`)
    database: str = ""
    host: str = "127.0.0.1"
    port: int = 4021
    #: executions that run at the same time in one worker (`CHAINGRAPH_SLOTS`)
    slots: int = 16
    #: seconds without a heartbeat after which a worker is dead (`CHAINGRAPH_LEASE_SECONDS`)
    lease_seconds: float = 4.0
    #: bytes; a node whose output is larger fails (`CHAINGRAPH_MAX_VALUE_BYTES`)
    max_value_bytes: int = 16 * 1024 * 1024
    #: modules or files with nodes of your own, separated by commas (`CHAINGRAPH_NODES`)
    nodes: tuple[str, ...] = ()
    log_level: str = "warning"
    log_format: str = "text"

    @property
    def database_url(self) -> str:
        if self.database:
            return self.database
        return f"sqlite:///{self.data_dir / 'chaingraph.db'}"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in the environment; what is not set has its default. Raises ValueError."""
    env = os.environ if environment is None else environment
    default = Settings()
    nodes = tuple(
        part.strip() for part in env.get("CHAINGRAPH_NODES", "").split(",") if part.strip()
    )
    return Settings(
        data_dir=Path(env.get("CHAINGRAPH_DATA_DIR") or default.data_dir),
        database=env.get("CHAINGRAPH_DATABASE_URL", default.database),
        host=env.get("CHAINGRAPH_HOST", default.host),
        port=int(env.get("CHAINGRAPH_PORT", default.port)),
        slots=int(env.get("CHAINGRAPH_SLOTS", default.slots)),
        lease_seconds=float(env.get("CHAINGRAPH_LEASE_SECONDS", default.lease_seconds)),
        max_value_bytes=int(env.get("CHAINGRAPH_MAX_VALUE_BYTES", default.max_value_bytes)),
        nodes=nodes,
        log_level=env.get("CHAINGRAPH_LOG_LEVEL", default.log_level),
        log_format=env.get("CHAINGRAPH_LOG_FORMAT", default.log_format),
    )
