/* A picture below the lotes, out of a PMTiles archive (its spec/v3) in a script that lies beside this page. */
const ground = { ...JSON.parse(byId('ground').textContent), pieces: [], layer: null };
const LESS_ZOOM = 2, DEEPEST = 4, HEADER = 127;
/** Called by that script, piece after piece. */
function fondo(text) {
  const letters = atob(text), piece = new Uint8Array(letters.length);
  for (let i = 0; i < piece.length; i++) piece[i] = letters.charCodeAt(i);
  ground.pieces.push(piece);
}
/** The place of a tile in the row of all: zoom by zoom, and of each along a Hilbert curve. */
function tileId({ z, x, y }) {
  let id = (4 ** z - 1) / 3;
  for (let side = 2 ** z / 2, px = x, py = y; side >= 1; side /= 2) {
    const right = (px & side) > 0, low = (py & side) > 0;
    id += side * side * ((3 * right) ^ low);
    if (!low) [px, py] = right ? [side - 1 - (py & (side - 1)), side - 1 - (px & (side - 1))] : [py, px];
  }
  return id;
}
/** Entries of a directory: a varint says how many, then come all ids, run lengths, lengths and offsets. */
function directory(bytes) {
  let at = 0;
  const next = () => {
    for (let value = 0, unit = 1; ; unit *= 128) {
      const one = bytes[at++];
      value += (one & 127) * unit;
      if (!(one > 127)) return value;
    }
  };
  const count = next(), [ids, runs, lengths, offsets] = [0, 1, 2, 3].map(() => Array.from({ length: count }, next));
  for (let i = 0; i < count; i++) {
    if (i) ids[i] += ids[i - 1];
    offsets[i] = offsets[i] || !i ? offsets[i] - 1 : offsets[i - 1] + lengths[i - 1];
  }
  return { ids, runs, lengths, offsets };
}
function entryOf({ ids, runs, lengths, offsets }, id) {
  let at = 0;
  for (let end = ids.length; at < end;) { const middle = (at + end) >> 1; if (ids[middle] <= id) at = middle + 1; else end = middle; }
  at--;
  const holds = at >= 0 && (!runs[at] || id < ids[at] + runs[at]);
  return holds ? { leaf: !runs[at], offset: offsets[at], length: lengths[at] } : null;
}
class Archive {
  constructor(pieces) {
    this.bytes = new Uint8Array(pieces.reduce((sum, one) => sum + one.length, 0));
    pieces.reduce((at, one) => { this.bytes.set(one, at); return at + one.length; }, 0);
    const head = new DataView(this.bytes.buffer, 0, HEADER), long = (at) => head.getUint32(at, true) + head.getUint32(at + 4, true) * 2 ** 32;
    const degrees = (at) => head.getInt32(at, true) / 1e7;
    Object.assign(this, { root: { offset: long(8), length: long(16) }, leaves: long(40), tiles: long(56), packed: head.getUint8(97) === 2, known: new Map() });
    Object.assign(this, { minZoom: head.getUint8(100), maxZoom: head.getUint8(101), bounds: [[degrees(106), degrees(102)], [degrees(114), degrees(110)]] });
  }
  /** The bytes of a tile; null where there is none. */
  async tile(place) {
    const id = tileId(place);
    let { offset, length } = this.root;
    for (let depth = 0; depth < DEEPEST; depth++) {
      const found = entryOf(await this.directory(offset, length), id);
      if (!found) return null;
      ({ offset, length } = found);
      if (!found.leaf) return this.bytes.subarray(this.tiles + offset, this.tiles + offset + length);
      offset += this.leaves;
    }
    return null;
  }
  directory(offset, length) {
    if (!this.known.has(offset)) this.known.set(offset, this.plain(this.bytes.subarray(offset, offset + length)).then(directory));
    return this.known.get(offset);
  }
  async plain(bytes) {
    if (!this.packed) return bytes;
    return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer());
  }
}
const Ground = L.GridLayer.extend({
  createTile(place, done) {
    const tile = element('canvas', {});
    this.options.archive.tile(place).then((bytes) => bytes && createImageBitmap(new Blob([bytes]))).then((image) => {
      if (image) {
        Object.assign(tile, { width: image.width, height: image.height });
        tile.getContext('2d').drawImage(image, 0, 0);
      }
      done(null, tile);
    }).catch((error) => done(error, tile));
    return tile;
  },
});
/* Over a picture: fills that let it through, outlines that are seen on dark and on light, degrees with a white rim. */
const flat = { fill: Drawing.prototype.fill, drawGrid: Drawing.prototype.drawGrid };
const overGround = ({ _map: map, state }) => Boolean(ground.layer) && map.hasLayer(ground.layer) && map.getZoom() >= ground.layer.options.minZoom && !state.printing;
Drawing.include({
  fill(shapes, row, color, alpha) {
    if (!overGround(this)) { flat.fill.call(this, shapes, row, color, alpha); return; }
    flat.fill.call(this, shapes, row, color, alpha * 0.5);
    if (this.width(shapes, row) <= 10 || alpha < 0.3) return;
    this.context.beginPath();
    this.trace(shapes, row);
    this.strokes([['#FFFFFF', 3], [INK, 1.25]]);
  },
  drawGrid(size) {
    const { context } = this;
    if (overGround(this)) {
      context.fillText = (...said) => {
        context.save();
        Object.assign(context, { strokeStyle: '#FFFFFF', fillStyle: '#102027', lineWidth: 3, lineJoin: 'round' });
        context.strokeText(...said);
        CanvasRenderingContext2D.prototype.fillText.apply(context, said);
        context.restore();
      };
    }
    flat.drawGrid.call(this, size);
    delete context.fillText;
  },
});
/** The script is asked for once the map stands; what it has is shown, with a switch and whose it is, or why not. */
function startGround(page) {
  const { map } = page, credit = element('p', { className: 'credit', textContent: 'Abriendo la imagen de fondo…' }), corner = L.control({ position: 'bottomleft' });
  corner.onAdd = () => credit;
  corner.addTo(map);
  const show = () => {
    const archive = new Archive(ground.pieces.splice(0)), { minZoom, maxZoom, bounds } = archive;
    ground.layer = new Ground({ archive, bounds, noWrap: true, minNativeZoom: minZoom, maxNativeZoom: maxZoom, minZoom: Math.max(0, minZoom - LESS_ZOOM) }).addTo(map);
    const box = element('input', { type: 'checkbox', checked: true });
    const turn = () => {
      if (box.checked) ground.layer.addTo(map); else ground.layer.remove();
      credit.textContent = box.checked ? ground.credito : '';
      page.drawing._update();
    };
    box.onchange = turn;
    byId('views').after(element('label', { className: 'entry', id: 'ground-switch' }, box, 'Imagen de fondo'));
    turn();
  };
  const able = 'DecompressionStream' in window && 'createImageBitmap' in window;
  if (!able) { credit.textContent = 'Sin imagen de fondo: este navegador es muy viejo para mostrarla.'; return; }
  const gone = () => { credit.textContent = `Sin imagen de fondo: al lado de este mapa falta ${ground.archivo}`; };
  document.body.append(element('script', { src: ground.archivo, nonce: ground.sello, onload: show, onerror: gone }));
}
const printAlone = startPrint;
startPrint = (page) => { printAlone(page); startGround(page); };
