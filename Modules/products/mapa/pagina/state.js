/* What is shown now, and what lies where: every part of the page asks this. */
class State {
  constructor(night) {
    Object.assign(this, { night, view: 'cultivos', campo: -1, chosen: null, printing: false, boxes: boxes(night) });
    this.off = { cultivos: new Set(), ambientes: new Set(), marcadores: new Set() };
  }
  ofCampo(lote) { return this.campo < 0 || this.night.lotes.campo[lote] === this.campo; }
  shows(layer, row) { return this.ofCampo(this.night[layer].lote[row]) && !this.off[layer].has(this.night[layer].grupo[row]); }
  /** The crops of a lote as places in the legend; the last place is that of lotes without any. */
  crops(lote) {
    const { grupo, grupos } = this.night.siembras, rows = this.night.lotes.siembras[lote];
    return rows.length ? rows.map((row) => grupo[row]) : [grupos.length - 1];
  }
  /** The colour of a lote: of its last crop that is not switched off; none if all are. */
  colorOf(lote) {
    if (this.view === 'ambientes') return '';
    if (this.view === 'cambios') return this.night.changed.has(lote) ? CHANGED : PLAIN;
    const shown = this.crops(lote).filter((crop) => !this.off.cultivos.has(crop));
    return shown.length ? this.night.siembras.grupos[shown[shown.length - 1]][1] : '';
  }
}
/** West, north, east, south of each campo's lotes; without any, nowhere. The last box is that of all. */
function boxes({ campos, lotes: { shapes, campo, rows } }) {
  const found = Array.from({ length: campos.length + 1 }, () => [Infinity, Infinity, -Infinity, -Infinity]);
  for (const row of rows) {
    for (const box of [found[campo[row]], found[campos.length]]) {
      for (let i = 0; i < 4; i++) box[i] = (i < 2 ? Math.min : Math.max)(box[i], shapes.boxes[4 * row + i]);
    }
  }
  return found;
}
/** The geometry under a finger: the nearest mark, or the ambiente, or the lote; null for bare ground. */
function hit({ state, drawing }, [x, y]) {
  const { marcadores, ambientes, lotes } = state.night;
  const { rings, points } = marcadores.shapes;
  let mark = -1, least = 14 / drawing.scale;
  marcadores.lote.forEach((_, row) => {
    if (!drawing.marksDrawn || !state.shows('marcadores', row)) return;
    for (let i = points[rings[row]]; i < points[rings[row + 1]]; i++) {
      const far = Math.hypot(marcadores.shapes.x[i] - x, marcadores.shapes.y[i] - y);
      if (far < least) { least = far; mark = row; }
    }
  });
  if (mark >= 0) return { layer: 'marcadores', row: mark };
  const zone = state.view === 'ambientes' ? find(ambientes.shapes, x, y, (row) => state.shows('ambientes', row)) : -1;
  const row = zone >= 0 ? zone : find(lotes.shapes, x, y, () => true);
  return row >= 0 ? { layer: zone >= 0 ? 'ambientes' : 'lotes', row } : null;
}

function find(shapes, x, y, allowed) {
  for (let row = 0; row < shapes.count; row++) if (allowed(row) && holds(shapes, row, x, y)) return row;
  return -1;
}
/** Whether a point is inside: it crosses the rings an odd number of times. */
function holds({ rings, points, x, y, boxes: b }, row, atX, atY) {
  if (atX < b[4 * row] || atX > b[4 * row + 2] || atY < b[4 * row + 1] || atY > b[4 * row + 3]) return false;
  let inside = false;
  for (let ring = rings[row]; ring < rings[row + 1]; ring++) {
    for (let i = points[ring] + 1; i < points[ring + 1]; i++) {
      if (y[i] > atY !== y[i - 1] > atY && atX < (x[i - 1] - x[i]) * (atY - y[i]) / (y[i - 1] - y[i]) + x[i]) inside = !inside;
    }
  }
  return inside;
}
