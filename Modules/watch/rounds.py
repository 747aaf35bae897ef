"""One round of the watch: end what died, do the night again, judge as ``lindero status``, tell.

What fails in a round is logged and is tried again in the next one. The ledger lies in
``<state>/watch/told.json`` and in memory: where the disk takes nothing, nobody is told twice
either, but by a watch that begins anew.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from Modules.disk.safe_files import make_folder, write_beside
from Modules.health import facts, platform, rules
from Modules.health.known import Facts
from Modules.health.platform import LEDGER_NAME
from Modules.health.runs import OTRA_VEZ_AHORA
from Modules.orchestration.deployments import BACKUP, EMPRESAS, MAPAS_EMPRESAS
from Modules.orchestration.prefect_api import ServerSilent, open_server
from Modules.settings import Settings
from Modules.watch import causes, dead
from Modules.watch.notice import Notice, notice_of, over, run_url, tell
from Modules.words.domain import Modo
from Modules.words.errors import PipelineError, PublishError, TellingFailed
from Modules.words.finding import Finding

logger = logging.getLogger("lindero.watch")


class Watch:
    """What one watcher keeps between its rounds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.lindero_state_dir / "watch"
        self.server = open_server(settings)
        self.known: datetime | None = None  # of which round the ledger is that we have
        self.ledger: causes.Ledger = {}
        self._read()
        self.again: set[str] = set()  # ids of the nights that are done again

    def round(self, now: datetime) -> None:
        """Look, mend and tell; each part stands alone, and none ends the watch."""
        if platform.last_round(self.settings) != self.known:  # another has watched meanwhile
            self._read()
        if self.server is not None:
            self._guarded(dead.bury, self.server, self.settings, now)
        self._guarded(self._judge_and_tell, now)
        self._guarded(self._write)

    def _judge_and_tell(self, now: datetime) -> None:
        known: Facts | None = None
        try:
            known = facts.gather(self.settings, Modo.PROD, now)
            self._redo(known)
            findings = rules.judge(known).findings
        except PipelineError as err:
            findings = (Finding(str(err), code="estado_ilegible", todo="lindero doctor"),)
        found = causes.causes(findings, known)
        self.ledger = causes.look(self.ledger, found, now)
        for key in tuple(causes.to_tell(self.ledger, found, now)):
            refused = found[key].code == "noche_rechazada"
            run = causes.newest_bad(known, BACKUP.flow if refused else found[key].where)
            url = run_url(self.settings, run.id) if run is not None else None
            notice = notice_of(found[key], key, self.ledger[key].since, url)
            if run is not None and run.id in self.again:
                notice = replace(notice, todo=f"Nada por ahora: {OTRA_VEZ_AHORA}")
            self._tell(notice, now)
        if known is None or known.destino_error or (known.servidor and known.servidor.error):
            return
        for key in tuple(causes.to_end(self.ledger, found, now)):
            cause = self.ledger[key]
            one = Finding(cause.what, code=cause.code)
            self._tell(over(notice_of(one, key, cause.since), cause.seen), now)

    def _redo(self, known: Facts) -> None:
        until = self.settings.lindero_redo_until
        ours = (BACKUP, EMPRESAS, MAPAS_EMPRESAS)
        nights = (dead.to_redo(known, until, what) for what in ours)
        night = next((one for one in nights if one is not None and one.id not in self.again), None)
        if self.server is None or night is None:
            return  # the one that was asked for waits for the worker
        try:
            dead.redo(self.server, night)
        except ServerSilent as err:
            logger.warning("night %s is not done again yet: %s", night.nombre, err)
            return
        logger.warning("night %s died and is done again", night.nombre)
        self.again.add(night.id)

    def _tell(self, notice: Notice, now: datetime) -> None:
        key, cause = notice.cause, self.ledger[notice.cause]
        try:
            tell(self.settings, notice, skip=cause.ways)
        except PipelineError as err:
            ways = err.told if isinstance(err, TellingFailed) else cause.ways
            logger.warning("not told yet: %s: %s", notice.what, err)
            changed = replace(cause, tries=cause.tries + 1, tried=now, ways=ways)
            self.ledger = {**self.ledger, key: changed}
            return
        logger.warning("told: %s", notice.what)
        rest = {name: one for name, one in self.ledger.items() if name != key}
        kept = {key: replace(cause, told=now, tries=0, tried=None, ways=())}
        self.ledger = rest if notice.over else rest | kept

    def _read(self) -> None:
        self.known, self.ledger = platform.last_round(self.settings), {}
        try:
            self.ledger = causes.from_bytes((self.folder / LEDGER_NAME).read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValueError) as err:
            logger.warning("%s cannot be read, so causes are told anew: %s", LEDGER_NAME, err)

    def _write(self) -> None:
        """Keep the ledger; a disk that takes none takes the sign that there was a round."""
        make_folder(self.folder)
        path = self.folder / LEDGER_NAME
        try:
            write_beside(path, causes.as_bytes(self.ledger))
        except PublishError:
            with suppress(OSError):
                os.utime(path)
            raise
        finally:
            self.known = platform.last_round(self.settings)

    def _guarded(self, work: Callable[..., object], *given: Any) -> None:
        try:
            work(*given)
        except (PipelineError, ServerSilent) as err:
            logger.warning("%s: %s: %s", work.__name__, type(err).__name__, err)
        except Exception:
            logger.exception("%s", work.__name__)
