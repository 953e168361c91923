"""Dagster's event log of one run, written over connections that stay open instead of one engine, one connection and one fsync per event."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import sqlalchemy
from dagster._core.storage.event_log import SqliteEventLogStorage

# The index and the run that is being written; a reader of many runs must not keep them all open.
HELD_SHARDS = 4


class HeldEventLog(SqliteEventLogStorage):
    """The stock SQLite event log, file for file, but a shard's connection is kept: `with` still means one transaction.

    `synchronous=NORMAL` under WAL survives a killed process; a power cut may take the last events of a run, never its data.
    """

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "HeldEventLog":
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        with self._db_lock:
            held: dict[str, sqlalchemy.Connection] = self.__dict__.setdefault("_held", {})
            if shard not in held:
                for oldest in list(held)[: len(held) + 1 - HELD_SHARDS]:
                    _close(held.pop(oldest))
                held[shard] = self._opened(shard)
            with held[shard].begin():
                yield held[shard]

    def _opened(self, shard: str) -> sqlalchemy.Connection:
        engine = sqlalchemy.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=sqlalchemy.NullPool,
            # Dagster's own lock lets one thread in at a time.
            connect_args={"timeout": 60, "check_same_thread": False},
        )
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        connection = engine.connect()
        connection.exec_driver_sql("PRAGMA synchronous = NORMAL").close()
        connection.commit()
        return connection

    def dispose(self) -> None:
        super().dispose()
        with self._db_lock:
            for connection in self.__dict__.pop("_held", {}).values():
                _close(connection)


def _close(connection: sqlalchemy.Connection) -> None:
    connection.close()
    connection.engine.dispose()


@contextmanager
def opened() -> Iterator[dg.DagsterInstance]:
    """The instance of DAGSTER_HOME with its event log held open; any event storage but the stock SQLite one is left as it is."""
    with dg.DagsterInstance.get() as stock:
        ref = stock.get_ref()
        log = ref.event_storage_data
        unified = ref.storage_data is None or ref.storage_data.class_name == "DagsterSqliteStorage"
        if not unified or log is None or log.class_name != "SqliteEventLogStorage":
            yield stock
            return
    held = log._replace(module_name=__name__, class_name=HeldEventLog.__name__)
    with dg.DagsterInstance.from_ref(ref._replace(storage_data=None, event_storage_data=held)) as held_open:
        yield held_open
