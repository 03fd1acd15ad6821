"""Where the keys for secrets come from: the settings, or a file beside an embedded database."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from chaingraph.durable.database import database_url
from chaingraph.errors import BadInput
from chaingraph.execution.vault import KEY_BYTES, KeyVault, new_key, read_keys
from chaingraph.settings import Settings

KEY_FILE = "secret.key"


def vault_of(settings: Settings) -> KeyVault:
    """The vault of an executor. Nothing is read or made before there is a secret.

    Raises BadInput when the settings hold something else than keys.
    """
    keys = read_keys(settings.secret_key)
    url = database_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return KeyVault(lambda: keys)
    file = Path(url.database).with_name(KEY_FILE)
    # What was sealed before there was a key in the settings still opens.
    return KeyVault(lambda: (*keys, *_kept(file, make=not keys)))


def vault_in_memory(settings: Settings) -> KeyVault:
    """Its key is gone with the process, if the settings hold none."""
    keys = read_keys(settings.secret_key) or (os.urandom(KEY_BYTES),)
    return KeyVault(lambda: keys)


def _kept(file: Path, *, make: bool) -> tuple[bytes, ...]:
    """The keys in the file, which is there afterwards if it is to `make`."""
    try:
        if make and not file.exists():
            _keep(file)
        return read_keys(file.read_text()) if file.exists() else ()
    except OSError as error:
        raise BadInput(f"The key for secrets {file} cannot be used: {error.strerror}") from error


def _keep(file: Path) -> None:
    """Two processes may be here at once: the first one's key is the key."""
    draft = file.with_name(f"{file.name}.{uuid4().hex}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as opened:
            opened.write(f"{new_key()}\n")
            opened.flush()
            os.fsync(opened.fileno())
        if not file.exists():
            os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
