"""Run by Debian's Python, which has QGIS: draws maps without a screen and tells what is on them.

In, as JSON: {"mapas": [{"capas": [[file, layer, filter]], "png": file or null}],
"sld": {file: [file, layer]}}. Out: for each map its scale and for each layer how many features it
has and which texts were placed; for each SLD how many features each of its rules draws. Extents
are those of the features, size and resolution those of a laptop's screen.
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
    QgsFeatureRequest,
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


asked = json.load(sys.stdin)
answer = {
    "mapas": [drawn(mapa) for mapa in asked.get("mapas", [])],
    "sld": {sld: by_rule(sld, *layer) for sld, layer in asked.get("sld", {}).items()},
}
print(json.dumps(answer))
sys.stdout.flush()
os._exit(0)  # QGIS may crash on its way out
