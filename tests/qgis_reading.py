"""Run by Debian's Python, which has QGIS: draws maps without a screen and tells what is on them.

In, as JSON: {"mapas": [{"capas": [[file, layer, filter]], "png": file or null}],
"sld": {file: [file, layer]}, "proyectos": [{"qgz": file, "png": file or null}]}. Out: for each map
its scale and for each layer how many features it has and which texts were placed; for each SLD how
many features each of its rules draws; for each project what it is made of, with a page of its
layout drawn. Extents are those of the features, size and resolution those of a laptop's screen.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsExpression,
    QgsExpressionContext,
    QgsExpressionContextUtils,
    QgsFeatureRequest,
    QgsLayoutExporter,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsSettings,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize

app = QgsApplication([], GUIenabled=False)
app.initQgis()
QgsSettings().setValue("qgis/walForSqlite3", 0)
MERCATOR = QgsCoordinateReferenceSystem("EPSG:3857")


def opened(path: str, name: str, where: str = "") -> QgsVectorLayer:
    layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr")
    assert layer.isValid(), name
    layer.setSubsetString(where)
    layer.updateExtents()
    return layer


def drawn(mapa: dict[str, Any]) -> dict[str, Any]:
    layers = [opened(*capa) for capa in mapa["capas"]]
    to_map = QgsCoordinateTransform(layers[0].crs(), MERCATOR, QgsProject.instance())
    extent = QgsRectangle()
    extent.setMinimal()
    for layer in layers:
        if layer.featureCount():
            extent.combineExtentWith(to_map.transformBoundingBox(layer.extent()))
    extent.scale(1.1)
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(MERCATOR)
    settings.setOutputSize(QSize(1600, 1000))
    settings.setExtent(extent)
    settings.setFlag(QgsMapSettings.Antialiasing)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    if mapa.get("png"):
        job.renderedImage().save(mapa["png"])
    placed = [one for one in job.takeLabelingResults().allLabels() if not one.isUnplaced]
    capas = [
        {
            "filas": layer.featureCount(),
            "rotuladas": len({one.featureId for one in placed if one.layerID == layer.id()}),
            "textos": sorted(one.labelText for one in placed if one.layerID == layer.id()),
        }
        for layer in layers
    ]
    return {"escala": settings.scale(), "capas": capas}


def by_rule(sld: str, path: str, name: str) -> dict[str, int]:
    layer = opened(path, name)
    message, good = layer.loadSldStyle(sld)
    assert good, message
    counts = {}
    for rule in layer.renderer().rootRule().children():
        only = QgsFeatureRequest()
        if rule.filterExpression():
            only.setFilterExpression(rule.filterExpression())
        found = sum(1 for _ in layer.getFeatures(only)) if rule.symbol() else 0
        counts[rule.label()] = found
    return counts


def project(asked: dict[str, Any]) -> dict[str, Any]:
    one = QgsProject.instance()
    assert one.read(asked["qgz"]), asked["qgz"]
    layers = {layer.id(): layer for layer in one.mapLayers().values()}
    assert all(layer.isValid() for layer in layers.values())
    (page,) = one.layoutManager().layouts()
    atlas = page.atlas()
    pages = atlas.updateFeatures()
    atlas.beginRender()
    atlas.first()
    mapa = page.itemById("mapa")
    answer = {
        "crs": one.crs().authid(),
        "capas": {
            key: {
                "filas": layer.featureCount(),
                "fuente": layer.source().partition("|")[0],
                "solo_lectura": layer.readOnly(),
                "ficha": tip_of(layer),
                "palabras": sorted(
                    field.name()
                    for field in layer.fields()
                    if layer.editorWidgetSetup(layer.fields().indexOf(field.name())).type()
                    == "ValueMap"
                ),
                "ocultas": [
                    column.name
                    for column in layer.attributeTableConfig().columns()
                    if column.hidden and column.name
                ],
                "alias": [
                    layer.attributeDisplayName(at) for at in layer.fields().allAttributesList()
                ],
            }
            for key, layer in layers.items()
        },
        "grupos": [group.name() for group in one.layerTreeRoot().findGroups()],
        "relaciones": {
            key: [relation.isValid(), most_children(relation)]
            for key, relation in one.relationManager().relations().items()
        },
        "temas": one.mapThemeCollection().mapThemes(),
        "lugares": [mark.name() for mark in one.bookmarkManager().bookmarks()],
        "hojas": pages,
        "hoja": [atlas.currentFilename(), mapa.rect().width(), mapa.rect().height(), mapa.scale()],
        "campo": atlas.nameForPage(0),
        "nuevo": defaults_of(layers["lindero_marcadores"]),
    }
    if asked.get("png"):
        settings = QgsLayoutExporter.ImageExportSettings()
        settings.dpi = 100
        assert QgsLayoutExporter(page).exportToImage(asked["png"], settings) == 0
    answer["rotuladas"] = labels_of(one, layers, mapa)
    one.clear()
    return answer


def tip_of(layer: QgsVectorLayer) -> str:
    feature = next(layer.getFeatures(), None)
    if feature is None:
        return ""
    context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    context.setFeature(feature)
    return QgsExpression.replaceExpressionText(layer.mapTipTemplate(), context)


def most_children(relation: Any) -> int:
    mothers = list(relation.referencedLayer().getFeatures())[:20]
    return max(sum(1 for _ in relation.getRelatedFeatures(one)) for one in mothers)


def defaults_of(layer: QgsVectorLayer) -> dict[str, str]:
    at = layer.fields().indexOf
    named = ("marcador_id", "lote_id", "campo", "fecha")
    return {name: layer.defaultValueDefinition(at(name)).expression() for name in named}


def labels_of(one: QgsProject, layers: dict[str, QgsVectorLayer], mapa: Any) -> list[str]:
    """The labels of lotes as the page's map shows them."""
    settings = QgsMapSettings()
    settings.setLayers(one.mapThemeCollection().mapThemeVisibleLayers("Cultivos"))
    settings.setDestinationCrs(one.crs())
    settings.setOutputSize(QSize(1200, 978))
    settings.setExtent(mapa.extent())
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    placed = job.takeLabelingResults().allLabels()
    ours = [label for label in placed if label.layerID == "lindero_lotes" and not label.isUnplaced]
    return sorted(label.labelText.split("\n")[0] for label in ours)


asked = json.load(sys.stdin)
answer = {
    "mapas": [drawn(mapa) for mapa in asked.get("mapas", [])],
    "proyectos": [project(one) for one in asked.get("proyectos", [])],
    "sld": {sld: by_rule(sld, *layer) for sld, layer in asked.get("sld", {}).items()},
}
print(json.dumps(answer))
sys.stdout.flush()
os._exit(0)  # QGIS may crash on its way out
