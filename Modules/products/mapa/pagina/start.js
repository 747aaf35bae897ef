/* Brings the page to life. ``page`` holds the map, the drawing and the state. */
const hashOf = ({ lotes, campos }, lote) => `#campo=${encodeURIComponent(campos[lotes.campo[lote]][1])}&lote=${encodeURIComponent(lotes.id(lote))}`;
function refresh(page) {
  page.drawing._update();
  showLegend(page);
  showChanges(page);
}
/** Say something, or else why no marks are seen. */
function say(page, text = '') {
  const { marksDrawn, marksInSight } = page.drawing;
  page.said = text;
  byId('notice').textContent = unbroken(text) || (marksDrawn || !marksInSight ? '' : `${counted(marksInSight, 'marcador', 'marcadores')} acá: acerque el mapa para verlos`);
}
/** Bring a box into sight, beside the card or above it, with as many of its sizes of air around it. */
function frame({ map }, [west, north, east, south], air = 0) {
  if (west > east) return;
  const wide = (east - west) * air, tall = (south - north) * air, maxZoom = west === east ? 17 : 19;
  const card = byId('card'), below = byId('map').clientWidth - card.offsetWidth < 200;
  const hidden = card.hidden ? [24, 24] : below ? [24, card.offsetHeight + 24] : [card.offsetWidth + 24, 24];
  map.fitBounds([toLatLng(west - wide, south + tall), toLatLng(east + wide, north - tall)], { paddingTopLeft: [24, 30], paddingBottomRight: hidden, maxZoom, animate: false });
}
/** Show a campo, or a lote or marcador, near and told. */
function goTo(page, { campo, layer, row }) {
  const { state } = page, { night } = state, lote = layer === 'marcadores' ? night.marcadores.lote[row] : row;
  byId('panel').classList.remove('open');
  byId('open-panel').setAttribute('aria-expanded', false);
  showCard(page, layer ? { layer, row } : null, Boolean(layer));
  if (layer && state.campo >= 0 && !state.ofCampo(lote)) choose(page, night.lotes.campo[lote]);
  if (layer) frame(page, night[layer].shapes.boxes.subarray(4 * row, 4 * row + 4), 0.5);
  else { choose(page, campo); location.hash = page.hash = campo < 0 ? '' : `#campo=${encodeURIComponent(night.campos[campo][1])}`; }
  refresh(page);
}
function choose(page, campo) {
  const { state } = page;
  state.campo = campo;
  byId('campo').value = campo;
  byId('where').textContent = campo < 0 || state.night.campos.length < 2 ? '' : `· ${state.night.campos[campo][1]}`;
  frame(page, state.boxes.slice(campo)[0]);
}
/** Go where ``#campo=…&lote=…`` says: a campo by its name, whatever the accents, with its id or without, or by its id; a lote by its id. */
function follow(page) {
  if (location.hash === page.hash) return;
  const asked = new URLSearchParams(location.hash.slice(1)), { campos, lotes } = page.state.night, name = asked.get('campo');
  const called = (said) => Array.from(campos.keys()).filter((at) => name !== null && said(...campos[at]).some((one) => fold(one) === fold(name)));
  const [only] = called((id, one) => [id, one, `${one} (${id})`]), twins = called((id, one) => [one.replace(` (${id})`, '')]);
  const campo = only ?? (twins.length === 1 ? twins[0] : -1);
  const row = asked.has('lote') ? lotes.rows.findIndex((one) => lotes.id(one) === asked.get('lote')) : -1;
  page.hash = location.hash;
  showCard(page, null);
  choose(page, campo);
  if (row >= 0) goTo(page, { layer: 'lotes', row }); else refresh(page);
  if (name !== null && campo < 0 && row < 0) say(page, twins.length ? `Hay ${twins.length} campos que se llaman ${name}: ${twins.map((at) => campos[at][1]).join(', ')}. Elija uno.` : `No hay un campo que se llame ${name}.`);
}
function start() {
  const night = readNight(), state = new State(night);
  const map = L.map('map', { attributionControl: false, zoomControl: false, zoomSnap: 0.25, maxZoom: 21, minZoom: 3, center: [-35, -63], zoom: 6 });
  const page = { map, state, drawing: new Drawing({ night, state }) };
  L.control.zoom({ position: 'bottomright', zoomInTitle: 'Acercar', zoomOutTitle: 'Alejar' }).addTo(map);
  L.control.scale({ imperial: false, maxWidth: 150 }).addTo(map);
  frame(page, state.boxes[night.campos.length]);
  page.drawing.on('update', () => say(page, page.said)).addTo(map);
  map.on('click', ({ latlng }) => showCard(page, hit(page, world(latlng))));
  byId('night').textContent = `Datos del ${night.datos}`;
  byId('source').textContent = `Campaña ${night.campania}. Datos del ${night.datos}, backup ${night.snapshot}. Coordenadas WGS 84; superficies calculadas del contorno, sobre el elipsoide.`;
  byId('views').onchange = ({ target }) => { state.view = target.value; refresh(page); };
  for (const begin of [startCampos, startSearch, startPlace, startPrint]) begin(page);
  byId('open-panel').onclick = ({ currentTarget }) => currentTarget.setAttribute('aria-expanded', byId('panel').classList.toggle('open'));
  window.addEventListener('hashchange', () => follow(page));
  follow(page);
  document.body.dataset.ready = Math.round(performance.now());
}
try { start(); } catch (error) {
  byId('notice').textContent = 'Este mapa no se pudo abrir: el archivo está cortado o el navegador es muy viejo. Pruebe con otro, o pida el archivo de nuevo.';
  console.error(error);
}
