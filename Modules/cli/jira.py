"""``lindero jira``: the Jira where issues of field work go."""

from __future__ import annotations

from dataclasses import asdict

from cyclopts import App

from Modules.cli.options import Json, say, say_json
from Modules.settings import load_settings

jira = App(name="jira", help="El Jira donde van las tareas de campo.")


@jira.command(name="check")
def jira_check(*, json_: Json = False) -> int:
    """Compara integrations.toml con lo que hay en Jira, y da el renglón que lo arregla."""
    from Modules.integrations.access import JiraAccess
    from Modules.integrations.config import read_integrations
    from Modules.integrations.jira import Jira
    from Modules.integrations.jira_check import check_jira

    settings = load_settings()
    config, text = read_integrations(settings)
    site = Jira(JiraAccess.of(settings))
    report = check_jira(site, config, text, settings.lindero_integrations.name)
    if json_:
        say_json([asdict(one) | {"severity": one.severity.name} for one in report.findings])
    else:
        for one in report.findings:
            say(one.line if one.fine else f"{one.where}: {one.line}\n  → {one.todo}")
    return report.exit_code
