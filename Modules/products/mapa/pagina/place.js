/* Where the reader stands, by GPS, and in words why not where the browser refuses; and a page of paper. */
const REFUSED = 'El navegador no dio permiso para usar la ubicación. Permítala en sus ajustes, o abra el archivo con Chrome o Firefox.';
const UNKNOWN = 'No se pudo saber la ubicación: ¿está encendido el GPS?';
function startPlace(page) {
  const locate = byId('locate'), { map, state } = page, style = { weight: 3, color: '#FFFFFF', fillColor: CHOSEN, fillOpacity: 1, interactive: false };
  const ring = L.circle([0, 0], { ...style, fillOpacity: 0.15 }), dot = L.circleMarker([0, 0], { ...style, radius: 8 });
  const turn = (on, said) => {
    locate.setAttribute('aria-pressed', on);
    if (on) map.locate({ watch: true, enableHighAccuracy: true }); else { map.stopLocate(); ring.remove(); dot.remove(); }
    say(page, said);
  };
  map.on('locationerror', ({ code }) => turn(false, code < 2 ? REFUSED : UNKNOWN));
  map.on('locationfound', ({ latlng, accuracy }) => {
    if (!map.hasLayer(dot)) map.setView(latlng, Math.max(map.getZoom(), 15));
    ring.setLatLng(latlng).setRadius(accuracy).addTo(map);
    dot.setLatLng(latlng).addTo(map);
    const lote = find(state.night.lotes.shapes, ...world(latlng), () => true);
    const { lotes, campos } = state.night, there = lote >= 0 ? `Está en el ${loteText(lotes.nombre(lote))} de ${campos[lotes.campo[lote]][1]}` : 'Está fuera de los lotes';
    say(page, `${there} (± ${number(accuracy)} m)`);
  });
  locate.onclick = () => { if (locate.getAttribute('aria-pressed') === 'true') turn(false, ''); else turn(true, 'Buscando la ubicación…'); };
}
function startPrint({ map, state, drawing }) {
  const turn = (printing) => {
    if (state.printing === printing) return;
    const seen = map.getBounds();
    Object.assign(state, { printing });
    document.body.classList.toggle('paper', printing);
    map.invalidateSize({ animate: false }).fitBounds(seen, { animate: false });
    drawing._update();
  };
  window.addEventListener('beforeprint', () => turn(true));
  window.addEventListener('afterprint', () => turn(false));
  byId('print').onclick = () => { turn(true); window.print(); };
}
