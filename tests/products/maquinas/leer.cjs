// Reads ISOXML with npm's isoxml (argument 1: its folder); a JSON line a file: polygons by id, as GeoJSON.
const { readFileSync } = require("node:fs");
const { ISOXMLManager } = require(process.argv[2]);

const list = (found) => found || [];
(async () => {
  for (const path of process.argv.slice(3)) {
    const manager = new ISOXMLManager();
    await manager.parseISOXMLFile(readFileSync(path), "application/zip");
    const id = (entity) => manager.getReferenceByEntity(entity).xmlId;
    const root = manager.rootElement.attributes;
    const lotes = list(root.Partfield).map((one) => [
      id(one), one.attributes.PartfieldDesignator, one.attributes.PartfieldArea, one.toGeoJSON(),
    ]);
    const zonas = list(root.Task).flatMap((task) => list(task.attributes.TreatmentZone).map((one) => [
      `${id(task)}/${one.attributes.TreatmentZoneCode}`, one.attributes.TreatmentZoneDesignator,
      task.attributes.PartfieldIdRef.xmlId,
      one.attributes.PolygonTreatmentZoneonly[0].constructor.toGeoJSON(
        one.attributes.PolygonTreatmentZoneonly),
    ]));
    const avisos = manager.getWarnings().map(String);
    process.stdout.write(JSON.stringify({ version: manager.options.version, avisos, lotes, zonas }) + "\n");
  }
})();
