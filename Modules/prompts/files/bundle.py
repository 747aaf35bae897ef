"""What a version is made of: a flow, its tasks and the models that they use, as one value.

A task that is run alone is a flow of the one step ``unico``. Equal content has an equal hash,
however its files are written: comments, order of keys and spaces do not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import ValidationError

from Modules.disk.json_files import to_json
from Modules.prompts.files.models import Flow, Models, Step, Task
from Modules.prompts.files.reading import Library
from Modules.words.errors import PromptInvalid

UNICO: Final = "unico"


@dataclass(frozen=True, slots=True)
class Bundle:
    kind: Literal["task", "flow"]
    name: str
    flow: Flow
    tasks: Mapping[str, Task]
    models: Models

    @property
    def content(self) -> dict[str, Any]:
        """Plain JSON; ``of_content`` makes the bundle again."""
        return {
            "kind": self.kind,
            "flow": self.flow.model_dump(mode="json", by_alias=True),
            "tasks": {
                n: one.model_dump(mode="json", by_alias=True) for n, one in self.tasks.items()
            },
            "models": self.models.model_dump(mode="json", by_alias=True),
        }

    @property
    def sha256(self) -> str:
        return hashlib.sha256(to_json(self.content)).hexdigest()

    @classmethod
    def of_content(cls, content: Mapping[str, Any]) -> Bundle:
        """The bundle that a content is of.

        Raises:
            PromptInvalid: it is no content of this format.
        """
        try:
            flow = Flow.model_validate(content["flow"])
            tasks = {name: Task.model_validate(one) for name, one in content["tasks"].items()}
            models = Models.model_validate(content["models"])
            return cls(content["kind"], flow.name, flow, tasks, models)
        except (KeyError, TypeError, AttributeError, ValidationError) as err:
            raise PromptInvalid(
                f"una versión guardada no es de este formato ({type(err).__name__}): desplegarla "
                "otra vez desde sus archivos"
            ) from err


def bundle_of(library: Library, name: str) -> Bundle:
    """The flow or task of a name with all it needs; its library should have passed ``validate``.

    Raises:
        PromptInvalid: no such name; lists those that there are. Or what it uses is not there.
    """
    if library.models is None or name not in library.flows.keys() | library.tasks.keys():
        there = ", ".join(sorted(library.flows.keys() | library.tasks.keys())) or "ninguno"
        raise PromptInvalid(f"no hay un prompt {name}; hay: {there}")
    kind: Literal["task", "flow"] = "flow" if name in library.flows else "task"
    flow = library.flows.get(name) or _alone(library.tasks[name])
    tasks = {one.task: library.tasks[one.task] for one in flow.steps if one.task in library.tasks}
    used = {task.model for task in tasks.values()}
    lost = ({step.task for step in flow.steps} - set(tasks)) | (used - set(library.models.models))
    if lost:
        raise PromptInvalid(f"{name} usa {', '.join(sorted(lost))}, que no está: ver validate")
    models = {alias: one for alias, one in library.models.models.items() if alias in used}
    providers = {one.provider for one in models.values()} | {
        over.provider for one in models.values() for over in one.env.values() if over.provider
    }
    kept = {key: one for key, one in library.models.providers.items() if key in providers}
    only = library.models.model_copy(update={"models": models, "providers": kept})
    return Bundle(kind, name, flow, dict(sorted(tasks.items())), only)


def _alone(task: Task) -> Flow:
    return Flow(
        version=1,
        name=task.name,
        description=task.description,
        input=task.input,
        steps=(Step.model_validate({"id": UNICO, "task": task.name, "with": "$input"}),),
        output=f"$steps.{UNICO}",
    )
