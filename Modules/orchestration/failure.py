"""What a failed run says: what happened, what is intact, what to do. Spanish.

A class of the error tree has one line here; the nearest one wins.
"""

from __future__ import annotations

from collections.abc import Mapping

from Modules.jobs.report import INTACTO
from Modules.words import errors

_FALLAS: Mapping[type[errors.PipelineError], tuple[str, str]] = {
    errors.PipelineError: ("La corrida no pudo terminar.", "Ver el detalle y volver a correr."),
    errors.CampaniaUnknown: (
        "El portal no tiene esa campaña.",
        "Corregir la campaña (por ejemplo 25/26) y volver a correr.",
    ),
    errors.ApiAuth: (
        "El portal rechaza las credenciales.",
        "Revisar DATABALER_CLIENT_ID y DATABALER_CLIENT_SECRET con quien administra Databaler.",
    ),
    errors.SettingsError: (
        "Hay un error en la configuración o en los parámetros; la corrida no empezó.",
        "Corregir lo que dice el detalle y volver a correr.",
    ),
    errors.RunLocked: (
        "Otra corrida del mismo modo está en curso.",
        "Esperar a que termine; si quedó colgada, cerrar ese proceso libera el turno.",
    ),
    errors.ApiUnavailable: (
        "No se pudo llegar al portal, o dejó de responder.",
        "Esperar y volver a correr; si sigue, avisar a quien administra Databaler.",
    ),
    errors.OutcomeUnknown: (
        "Se mandó algo a otro sistema y la respuesta no llegó: no se sabe si quedó hecho.",
        "Volver a correr: primero mira qué hay, y no repite nada.",
    ),
    errors.ApiRejected: (
        "El portal rechazó el pedido.",
        "Ver el detalle; repetir lo mismo daría la misma respuesta.",
    ),
    errors.ApiContractChanged: (
        "El portal respondió con una forma que no es la conocida.",
        "Correr `lindero api check`: dice qué cambió y qué línea del perfil lo arregla.",
    ),
    errors.ApiIncomplete: (
        "El portal entregó una lista incompleta, dos veces seguidas.",
        "Volver a correr más tarde; si sigue, avisar a quien administra Databaler.",
    ),
    errors.NightRefused: (
        "Los controles rechazaron los datos de esta noche.",
        "Mirar los controles y los cambios. Si los datos están bien, aceptarlos con "
        '`lindero backups accept ID --reason "…"`.',
    ),
    errors.SnapshotDamaged: (
        "Un backup guardado está dañado.",
        "No borrar nada. El detalle dice qué archivo; la copia publicada puede reponerlo.",
    ),
    errors.AcceptancesUnreadable: (
        "No se puede leer acceptances.jsonl, el registro de lo que se aceptó a mano.",
        "No mover ni borrar nada. Recuperar ese archivo; `lindero backups verify` dice qué línea "
        "falta.",
    ),
    errors.ProductError: (
        "Uno o más productos no se pudieron armar; los demás se publicaron.",
        "Ver el detalle; con el problema resuelto, correr `lindero run productos`.",
    ),
    errors.CampaniasFailed: (
        "Falló una campaña o más; las otras quedaron hechas.",
        "Ver qué pasó con cada una, y volver a correr las que fallaron.",
    ),
    errors.EmpresasFailed: (
        "Falló una empresa o más; las otras quedaron hechas.",
        "Ver cuáles y qué hacer con cada una: `lindero status --todas`.",
    ),
    errors.TareasFailed: (
        "No se pudieron hacer o anotar las tareas, todas o algunas.",
        "Ver el resumen y el detalle, y volver a correr: sigue desde ahí y no repite ninguna.",
    ),
    errors.StackError: (
        "Un proceso de la plataforma no se levantó, o no contesta.",
        "Ver el registro que nombra el detalle, y `lindero stack status`.",
    ),
    errors.StoreUnavailable: (
        "La base de los prompts no contesta, o está tomada.",
        "Revisar esa base y volver a probar; lo que se aceptó está guardado.",
    ),
    errors.PromptInvalid: (
        "Un prompt, o lo que se le dio, no es lo que declara; no se pidió nada.",
        "Corregir lo que dice el detalle; `lindero prompts validate` mira todos.",
    ),
    errors.BudgetSpent: (
        "Se llegó al presupuesto de los modelos, o no se sabe cuánto se gastó.",
        "Revisar budget_usd y budget_month_usd, o dar el precio del modelo en models.yaml.",
    ),
    errors.PromptFailed: (
        "Un paso de un prompt no llegó a una respuesta que sirva.",
        "Ver la causa en el detalle.",
    ),
    errors.DataError: (
        "Los datos llegaron, pero no sirven para publicar.",
        "Corregir lo que dice el detalle y volver a correr.",
    ),
    errors.PublishError: (
        "No se pudo escribir en la carpeta de destino.",
        "Revisar la carpeta que nombra el detalle (enlace de OneDrive, permisos, espacio) y volver "
        "a correr: se completa solo.",
    ),
}


def mensaje_de_falla(error: errors.PipelineError) -> str:
    """What happened, what was left untouched and what to do, for whoever opens the UI."""
    if isinstance(error, errors.CampaniasFailed) and error.errors:
        each = (f"Campaña {one}: {mensaje_de_falla(err)}" for one, err in error.errors.items())
        return "\n".join((_FALLAS[errors.CampaniasFailed][0], *each))
    known = (_FALLAS[one] for one in type(error).__mro__ if one in _FALLAS)
    que_paso, que_hacer = next(known)  # its own line, or the one of the class above it
    if isinstance(error, errors.NightRefused) and error.command:
        que_hacer = f"Mirar los controles. Si los datos están bien: {error.command}"
    intacto = _intacto(error)
    return f"{que_paso} {intacto} Qué hacer: {que_hacer} Detalle: {error}"


def _intacto(error: errors.PipelineError) -> str:
    if isinstance(error, errors.PublishError):
        return "Cada archivo publicado está entero: es el de antes o el nuevo."
    if isinstance(error, (errors.CampaniasFailed, errors.EmpresasFailed)):
        return "Lo publicado antes de las que fallaron quedó como estaba."
    if isinstance(error, errors.TareasFailed):
        return "Las que están hechas quedaron como están, en Jira y en la planilla."
    if isinstance(error, errors.ProductError):
        return "Los productos que fallaron quedaron como estaban."
    if isinstance(error, errors.NightRefused):
        return f"{INTACTO} Lo recibido está guardado en cuarentena."
    return INTACTO
