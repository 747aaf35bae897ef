"""Files that people open: GeoPackage, GeoParquet, shapefile, XLSX, KMZ, and the styles of QGIS."""
