"""One frozen Settings, read once from the environment and the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from chaingraph.errors import BadInput


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. The rooms get plain arguments made of it."""

    #: where the embedded database lives (`CHAINGRAPH_DATA_DIR`)
    data_dir: Path = Path(".chaingraph")
    #: a database URL; empty means SQLite in the data directory (`CHAINGRAPH_DATABASE_URL`)
    database: str = ""
    #: where the flows are; empty means in the database (`CHAINGRAPH_FLOWS_DATABASE_URL`)
    flows_database: str = ""
    host: str = "127.0.0.1"
    port: int = 4021
    #: where a worker tells that it lives (`CHAINGRAPH_HEALTH_PORT`)
    health_port: int = 9090
    #: executions that run at the same time in one worker (`CHAINGRAPH_SLOTS`)
    slots: int = 16
    #: and in all workers together; 0 means no limit (`CHAINGRAPH_CONCURRENCY`)
    concurrency: int = 0
    #: seconds without a heartbeat after which a worker is dead (`CHAINGRAPH_LEASE_SECONDS`)
    lease_seconds: float = 3.0
    #: seconds that running bodies get when a worker goes away (`CHAINGRAPH_DRAIN_SECONDS`)
    drain_seconds: float = 5.0
    #: and bodies of `once` nodes, which cannot run again (`CHAINGRAPH_DRAIN_ONCE_SECONDS`)
    drain_once_seconds: float = 30.0
    #: how long a server that starts waits for its database (`CHAINGRAPH_STARTUP_SECONDS`)
    startup_seconds: float = 30.0
    #: bytes; a node whose output is larger fails (`CHAINGRAPH_MAX_VALUE_BYTES`)
    max_value_bytes: int = 16 * 1024 * 1024
    #: how deep a tree of executions may be (`CHAINGRAPH_MAX_DEPTH`)
    max_depth: int = 100
    #: and how many children one execution may have (`CHAINGRAPH_MAX_CHILDREN`)
    max_children: int = 10_000
    #: modules or files with nodes of your own, separated by commas (`CHAINGRAPH_NODES`)
    nodes: tuple[str, ...] = ()
    #: web pages on other hosts that may call, separated by commas (`CHAINGRAPH_ORIGINS`)
    origins: tuple[str, ...] = ()
    #: how callers are known: `tokens`, `oidc`, `module:name` of your own, several separated by
    #: commas, or `off`; empty means off, on an address of this machine only (`CHAINGRAPH_AUTH`)
    auth: str = ""
    #: who issues the JWTs of callers (`CHAINGRAPH_OIDC_ISSUER`)
    oidc_issuer: str = ""
    #: and for whom they are issued (`CHAINGRAPH_OIDC_AUDIENCE`)
    oidc_audience: str = ""
    #: where the issuer's keys are; empty means where it says (`CHAINGRAPH_OIDC_JWKS`)
    oidc_jwks: str = ""
    #: the claim that names the role, may be a path (`CHAINGRAPH_OIDC_ROLE_CLAIM`)
    oidc_role_claim: str = "role"
    #: the provider of external accounts that the issuer is (`CHAINGRAPH_OIDC_PROVIDER`)
    oidc_provider: str = "oidc"
    #: calls of one caller to one server; `off` means no limit (`CHAINGRAPH_RATE_LIMIT`)
    rate_limit: str = "100/second"
    #: whether tRPC queries may be POSTed, `on` or `off` (`CHAINGRAPH_METHOD_OVERRIDE`)
    method_override: bool = False
    #: trees of executions that ended longer ago are deleted (`CHAINGRAPH_RETENTION_AGE`)
    retention_age: timedelta | None = None
    #: but never the newest so many of an owner (`CHAINGRAPH_RETENTION_KEEP`)
    retention_keep: int | None = None
    #: what is not started within this time ends (`CHAINGRAPH_START_TIMEOUT`)
    start_timeout: timedelta | None = None
    #: where traces go, an OTLP collector; empty means nowhere (`CHAINGRAPH_OTLP_ENDPOINT`)
    otlp_endpoint: str = ""
    #: keys for secrets, separated by commas: the first seals, all open (`CHAINGRAPH_SECRET_KEY`)
    secret_key: str = field(default="", repr=False)
    #: the server that `chaingraph executions` calls; empty means the database (`CHAINGRAPH_SERVER`)
    server: str = ""
    #: and as whom (`CHAINGRAPH_TOKEN`)
    token: str = field(default="", repr=False)
    log_level: str = "warning"
    log_format: str = "text"

    @property
    def database_url(self) -> str:
        if self.database:
            return self.database
        return f"sqlite:///{self.data_dir / 'chaingraph.db'}"

    @property
    def flows_database_url(self) -> str:
        return self.flows_database or self.database_url


#: Names that the TypeScript ChainGraph, and OpenTelemetry, gave to the same settings; ours win.
ALIASES: Mapping[str, str] = {
    "CHAINGRAPH_HOST": "HOST",
    "CHAINGRAPH_PORT": "PORT",
    "CHAINGRAPH_HEALTH_PORT": "HEALTH_PORT",
    "CHAINGRAPH_SLOTS": "DBOS_WORKER_CONCURRENCY",
    "CHAINGRAPH_CONCURRENCY": "DBOS_QUEUE_CONCURRENCY",
    "CHAINGRAPH_MAX_DEPTH": "EXECUTION_MAX_DEPTH",
    "CHAINGRAPH_LOG_LEVEL": "LOG_LEVEL",
    "CHAINGRAPH_OTLP_ENDPOINT": "OTEL_EXPORTER_OTLP_ENDPOINT",
}

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

#: Levels of the original's logger that ours calls otherwise.
_LEVELS = {"trace": "debug", "warn": "warning", "fatal": "error"}


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in the environment; what is empty or not set has its default.

    Raises ValueError.
    """
    env = os.environ if environment is None else environment
    default = Settings()

    def text(name: str, otherwise: object) -> str:
        return env.get(name) or env.get(ALIASES.get(name, "")) or str(otherwise)

    database, flows_database = _databases(env)
    level = text("CHAINGRAPH_LOG_LEVEL", default.log_level)
    return Settings(
        data_dir=Path(text("CHAINGRAPH_DATA_DIR", default.data_dir)),
        database=database,
        flows_database=flows_database,
        host=text("CHAINGRAPH_HOST", default.host),
        port=int(text("CHAINGRAPH_PORT", default.port)),
        health_port=int(text("CHAINGRAPH_HEALTH_PORT", default.health_port)),
        slots=int(text("CHAINGRAPH_SLOTS", default.slots)),
        concurrency=int(text("CHAINGRAPH_CONCURRENCY", default.concurrency)),
        lease_seconds=float(text("CHAINGRAPH_LEASE_SECONDS", default.lease_seconds)),
        drain_seconds=float(text("CHAINGRAPH_DRAIN_SECONDS", default.drain_seconds)),
        drain_once_seconds=float(text("CHAINGRAPH_DRAIN_ONCE_SECONDS", default.drain_once_seconds)),
        startup_seconds=float(text("CHAINGRAPH_STARTUP_SECONDS", default.startup_seconds)),
        max_value_bytes=int(text("CHAINGRAPH_MAX_VALUE_BYTES", default.max_value_bytes)),
        max_depth=int(text("CHAINGRAPH_MAX_DEPTH", default.max_depth)),
        max_children=int(text("CHAINGRAPH_MAX_CHILDREN", default.max_children)),
        nodes=_parts(env.get("CHAINGRAPH_NODES", "")),
        origins=_parts(env.get("CHAINGRAPH_ORIGINS", "")),
        auth=text("CHAINGRAPH_AUTH", default.auth),
        oidc_issuer=text("CHAINGRAPH_OIDC_ISSUER", default.oidc_issuer),
        oidc_audience=text("CHAINGRAPH_OIDC_AUDIENCE", default.oidc_audience),
        oidc_jwks=text("CHAINGRAPH_OIDC_JWKS", default.oidc_jwks),
        oidc_role_claim=text("CHAINGRAPH_OIDC_ROLE_CLAIM", default.oidc_role_claim),
        oidc_provider=text("CHAINGRAPH_OIDC_PROVIDER", default.oidc_provider),
        rate_limit=text("CHAINGRAPH_RATE_LIMIT", default.rate_limit),
        method_override=_switch(text("CHAINGRAPH_METHOD_OVERRIDE", "off")),
        retention_age=_maybe_age(env.get("CHAINGRAPH_RETENTION_AGE")),
        retention_keep=int(kept) if (kept := env.get("CHAINGRAPH_RETENTION_KEEP")) else None,
        start_timeout=_maybe_age(env.get("CHAINGRAPH_START_TIMEOUT")),
        otlp_endpoint=text("CHAINGRAPH_OTLP_ENDPOINT", default.otlp_endpoint),
        secret_key=text("CHAINGRAPH_SECRET_KEY", default.secret_key),
        server=text("CHAINGRAPH_SERVER", default.server),
        token=text("CHAINGRAPH_TOKEN", default.token),
        log_level=_LEVELS.get(level.lower(), level),
        log_format=text("CHAINGRAPH_LOG_FORMAT", default.log_format),
    )


def _databases(env: Mapping[str, str]) -> tuple[str, str]:
    """The database and that of the flows.

    Who names ours means ours: then the original's variables, which another program of the same
    machine may have set, do not decide where flows are written.
    """
    ours, flows = (env.get(f"CHAINGRAPH_{name}DATABASE_URL", "") for name in ("", "FLOWS_"))
    if ours:
        return ours, flows
    main, executions = env.get("DATABASE_URL", ""), env.get("DATABASE_URL_EXECUTIONS", "")
    return executions or main, flows or main


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError(f"{text!r} is neither on nor off")
    return text == "on"


def age(text: str) -> timedelta:
    """`30d` as a duration. Raises BadInput."""
    match = re.fullmatch(r"(\d+)([smhdw])", text)
    if match is None:
        raise BadInput(f"{text!r} is no age; write a number and s, m, h, d or w, as in 30d")
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        raise BadInput(f"{text!r} is longer than can be counted") from None


def _maybe_age(text: str | None) -> timedelta | None:
    return age(text) if text else None


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
