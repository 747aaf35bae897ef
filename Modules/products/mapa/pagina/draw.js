/* The night on one canvas below Leaflet's hands: what is in sight is drawn again when the map comes to rest. */
const INK = '#263238', CHANGED = '#AD1457', NEWS = '#FFD600', PLAIN = '#CFD8DC', CHOSEN = '#0D47A1';
const MOST_MARKS = 4000, MARKS_ZOOM = 12, GRID = [5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005];

const Drawing = L.Renderer.extend({
  options: { padding: 0.2 },
  _initContainer() {
    this._container = L.DomUtil.create('canvas', 'leaflet-layer');
    Object.assign(this, this.options, { context: this._container.getContext('2d') });
  },
  _destroyContainer() { this._container.remove(); },
  _update() {
    if (this._map._animatingZoom && this._bounds) return;
    L.Renderer.prototype._update.call(this);
    const { min } = this._bounds, size = this._bounds.getSize(), canvas = this._container, origin = this._map.getPixelOrigin();
    const fine = this.state.printing ? 3 : Math.min(2, window.devicePixelRatio || 1), scale = 256 * 2 ** this._map.getZoom();
    L.DomUtil.setPosition(canvas, min);
    Object.assign(canvas, { width: fine * size.x, height: fine * size.y });
    Object.assign(canvas.style, { width: `${size.x}px`, height: `${size.y}px` });
    const left = (origin.x + min.x) / scale, top = (origin.y + min.y) / scale;
    Object.assign(this, { scale, left, top, right: left + size.x / scale, bottom: top + size.y / scale, taken: [] });
    this.context.setTransform(fine, 0, 0, fine, 0, 0);
    this.drawGrid(size);
    this.drawLotes();
    this.drawMarks();
    this.drawChosen();
    this.drawNames();
    this.drawDegrees();
    this.fire('update');
  },
  px(x) { return (x - this.left) * this.scale; },
  py(y) { return (y - this.top) * this.scale; },
  width(shapes, row) { return (shapes.boxes[4 * row + 2] - shapes.boxes[4 * row]) * this.scale; },
  sees(west, north, east, south) { return west <= this.right && east >= this.left && north <= this.bottom && south >= this.top; },
  inSight({ boxes }, row) { return this.sees(boxes[4 * row], boxes[4 * row + 1], boxes[4 * row + 2], boxes[4 * row + 3]); },
  /** The rings of a geometry as a path; positions nearer than half a pixel are one. */
  trace({ rings, points, x, y }, row) {
    for (let ring = rings[row]; ring < rings[row + 1]; ring++) {
      const first = points[ring], last = points[ring + 1] - 1;
      for (let i = first, px = 0, py = 0; i <= last; i++) {
        const nx = this.px(x[i]), ny = this.py(y[i]);
        if (i > first && i < last && Math.abs(nx - px) < 0.5 && Math.abs(ny - py) < 0.5) continue;
        if (i === first) this.context.moveTo(nx, ny); else this.context.lineTo(nx, ny);
        px = nx; py = ny;
      }
    }
  },
  fill(shapes, row, color, alpha) {
    const { context } = this, wide = this.width(shapes, row);
    Object.assign(context, { globalAlpha: alpha, fillStyle: color, strokeStyle: INK, lineWidth: 1 });
    if (wide < 3) { context.fillRect(this.px(shapes.boxes[4 * row]), this.py(shapes.boxes[4 * row + 1]), 3, 3); return; }
    context.beginPath();
    this.trace(shapes, row);
    context.fill('evenodd');
    if (wide > 10) context.stroke();
  },
  drawLotes() {
    const { lotes: { shapes, rows }, ambientes } = this.night;
    for (const row of rows.filter((one) => this.inSight(shapes, one))) {
      const color = this.state.colorOf(row);
      this.fill(shapes, row, color || '#FFFFFF', this.state.ofCampo(row) ? (color ? 0.85 : 0.5) : 0.15);
    }
    for (let row = 0; this.state.view === 'ambientes' && row < ambientes.shapes.count; row++) {
      if (this.state.shows('ambientes', row) && this.inSight(ambientes.shapes, row)) this.fill(ambientes.shapes, row, ambientes.grupos[ambientes.grupo[row]][1], 0.8);
    }
  },
  /** Marks, by type; none from afar, nor where there are too many to tell apart. */
  drawMarks() {
    const { context } = this, { shapes, grupo, grupos } = this.night.marcadores, { rings, points, x, y } = shapes, seen = grupos.map(() => []);
    for (let row = 0; row < shapes.count; row++) if (this.state.shows('marcadores', row) && this.inSight(shapes, row)) seen[grupo[row]].push(row);
    this.marksInSight = seen.reduce((sum, rows) => sum + rows.length, 0);
    this.marksDrawn = this.marksInSight <= MOST_MARKS && this._map.getZoom() >= MARKS_ZOOM;
    const radius = this._map.getZoom() < 14 ? 3 : 4.5;
    seen.forEach((rows, at) => {
      if (!this.marksDrawn || !rows.length) return;
      context.beginPath();
      for (const row of rows) {
        const first = points[rings[row]], px = this.px(x[first]), py = this.py(y[first]);
        if (points[rings[row + 1]] - first > 1) this.trace(shapes, row);
        else { context.moveTo(px + radius, py); context.arc(px, py, radius, 0, 7); }
      }
      this.strokes([['#FFFFFF', 3.5], [grupos[at][1], 2]]);
      context.fillStyle = grupos[at][1];
      context.fill('evenodd');
    });
    if (this.marksDrawn && this.state.view === 'cambios') seen.flat().filter(this.night.marcadores.novedad).forEach((row) => this.ring(x[points[rings[row]]], y[points[rings[row]]], 8, NEWS));
  },
  strokes(lines) {
    this.context.globalAlpha = 1;
    for (const [strokeStyle, lineWidth] of lines) { Object.assign(this.context, { strokeStyle, lineWidth }); this.context.stroke(); }
  },
  drawChosen() {
    const { chosen } = this.state, { context } = this;
    if (!chosen) return;
    const { shapes } = this.night[chosen.layer], [west, north, east] = shapes.boxes.subarray(4 * chosen.row);
    if (west === east) { this.ring(west, north, 9, CHOSEN); return; }
    context.beginPath();
    this.trace(shapes, chosen.row);
    this.strokes([['#FFFFFF', 6], [CHOSEN, 3]]);
  },
  ring(x, y, radius, color) {
    this.context.beginPath();
    this.context.arc(this.px(x), this.py(y), radius, 0, 7);
    this.strokes([['#FFFFFF', 5], [color, 2.5]]);
  },
  /** Names of campos above them, and of lotes where they fit inside; none over another. From afar a campo is a dot. */
  drawNames() {
    const { lotes, campos } = this.night, { context } = this;
    for (const [west, north, east, south] of this.state.boxes.slice(0, -1)) {
      if ((east - west) * this.scale < 12) this.ring((west + east) / 2, (north + south) / 2, 5, '#1B5E20');
    }
    campos.forEach(([, name], at) => {
      const [west, north, east, south] = this.state.boxes[at], wide = (east - west) * this.scale;
      if (!this.sees(west, north, east, south) || wide > 600 || (this.state.campo >= 0 && this.state.campo !== at)) return;
      this.write(name, this.px((west + east) / 2), this.py(north) - 15, 14, Infinity, true);
    });
    for (const row of lotes.rows) {
      const wide = this.width(lotes.shapes, row);
      if (wide < 24 || !this.state.ofCampo(row) || !this.inSight(lotes.shapes, row)) continue;
      this.write(lotes.nombre(row), this.px(worldX(lotes.center[0][row])), this.py(worldY(lotes.center[1][row])), 12, wide * 1.2);
    }
  },
  /** ``whole``: the name of what is in sight is not cut by the edge of the window. */
  write(text, at, py, size, room, whole = false) {
    const { context } = this, short = text.length > 40 ? `${text.slice(0, 39)}…` : text;
    Object.assign(context, { font: `600 ${size}px system-ui, "Segoe UI", Roboto, sans-serif`, textAlign: 'center', textBaseline: 'middle', lineJoin: 'round' });
    const half = context.measureText(short).width / 2, edge = this._map.containerPointToLayerPoint([0, 0]).x - this._bounds.min.x, end = edge + this._map.getSize().x;
    const px = whole && at > edge && at < end ? Math.max(edge + half + 4, Math.min(at, end - half - 4)) : at, box = [px - half - 3, py - size / 2 - 2, px + half + 3, py + size / 2 + 2];
    if (2 * half > room || this.taken.some((b) => b[0] < box[2] && b[2] > box[0] && b[1] < box[3] && b[3] > box[1])) return;
    this.taken.push(box);
    Object.assign(context, { globalAlpha: 1, lineWidth: 3.5, strokeStyle: '#FFFFFF', fillStyle: '#102027' });
    context.strokeText(short, px, py);
    context.fillText(short, px, py);
  },
  /** Faint meridians and parallels, at least 110 pixels apart. */
  drawGrid(size) {
    const { context } = this, [north, west] = toLatLng(this.left, this.top), [south, east] = toLatLng(this.right, this.bottom);
    const step = GRID.filter((one) => one / 360 * this.scale >= 110).pop() || GRID[0], decimals = Math.max(0, Math.ceil(-Math.log10(step)));
    const inside = this._map.containerPointToLayerPoint([0, 0]).subtract(this._bounds.min);
    Object.assign(context, { globalAlpha: 1, strokeStyle: '#DDE3E6', lineWidth: 1 });
    Object.assign(this, { degrees: [] });
    context.beginPath();
    const line = (value, fromX, fromY, toX, toY, textX, textY) => {
      context.moveTo(fromX, fromY); context.lineTo(toX, toY);
      this.degrees.push([`${number(value, decimals)}°`, textX, textY]);
    };
    const along = (from, to) => Array.from({ length: Math.max(0, Math.floor(to / step) - Math.ceil(from / step) + 1) }, (_, i) => (Math.ceil(from / step) + i) * step);
    for (const lon of along(west, east)) { const px = this.px(worldX(lon * 1e7)); line(lon, px, 0, px, size.y, px + 3, inside.y + 12); }
    for (const lat of along(south, north)) { const py = this.py(worldY(lat * 1e7)); line(lat, 0, py, size.x, py, inside.x + 4, py - 4); }
    context.stroke();
  },
  /** The degrees of the lines over all else, at the upper and left edge; none that is cut, or lies over a name or another. */
  drawDegrees() {
    const { context } = this, edge = this._map.containerPointToLayerPoint([0, 0]).subtract(this._bounds.min), size = this._map.getSize();
    Object.assign(context, { globalAlpha: 1, font: '11px system-ui, sans-serif', textAlign: 'left', textBaseline: 'alphabetic', lineWidth: 3, lineJoin: 'round', strokeStyle: '#FFFFFF', fillStyle: '#455A64' });
    for (const [text, x, y] of this.degrees) {
      const box = [x, y - 11, x + context.measureText(text).width, y + 2];
      if (box[0] < edge.x || box[1] < edge.y || box[2] > edge.x + size.x || box[3] > edge.y + size.y || this.taken.some((b) => b[0] < box[2] && b[2] > box[0] && b[1] < box[3] && b[3] > box[1])) continue;
      this.taken.push(box);
      context.strokeText(text, x, y);
      context.fillText(text, x, y);
    }
  },
});
