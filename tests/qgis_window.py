"""Run by the QGIS that people use (``--code``): a picture of its window on a project.

By the environment: ``LINDERO_PICTURE`` is the file, ``LINDERO_CAMPO`` whose bookmark is looked at,
``LINDERO_SIZE`` the window's ("1200x760").
"""

from __future__ import annotations

import os

from qgis.core import QgsProject
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtWidgets import QDockWidget, QToolBar
from qgis.utils import iface

THEME = "Cultivos"
BARS = ("mFileToolBar", "mMapNavToolBar", "mAttributesToolBar")
LAYERS = 300  # pixels


def begin() -> None:
    """The window with its layers alone beside a campo, in the colours of one theme."""
    window, project = iface.mainWindow(), QgsProject.instance()
    window.showNormal()
    window.resize(*map(int, os.environ["LINDERO_SIZE"].split("x")))
    window.statusBar().hide()
    for bar in window.findChildren(QToolBar):
        bar.setVisible(bar.objectName() in BARS)
    docks = {dock.objectName(): dock for dock in window.findChildren(QDockWidget)}
    for name, dock in docks.items():
        dock.setVisible(name == "Layers")
    window.resizeDocks([docks["Layers"]], [LAYERS], Qt.Horizontal)
    root, model = project.layerTreeRoot(), iface.layerTreeView().layerTreeModel()
    project.mapThemeCollection().applyTheme(THEME, root, model)
    for group in root.findGroups():
        group.setExpanded(group.name() == THEME)
    campo = os.environ["LINDERO_CAMPO"]
    (mark,) = (one for one in project.bookmarkManager().bookmarks() if one.name() == campo)
    iface.mapCanvas().setReferencedExtent(mark.extent())
    iface.mapCanvas().refresh()
    QTimer.singleShot(3000, end)  # its tree comes to rest


def end() -> None:
    iface.mapCanvas().waitWhileRendering()
    iface.mainWindow().grab().save(os.environ["LINDERO_PICTURE"])
    os._exit(0)  # QGIS may crash on its way out


QTimer.singleShot(2000, begin)  # the window is not whole before
