/* What a tap tells: the balloon of the KMZ, and what happened to it. */
function cardOf({ night }, { layer, row }) {
  const { lotes, campos, ambientes, marcadores } = night, lote = layer === 'lotes' ? row : night[layer].lote[row];
  const place = [['Campo', campos[lotes.campo[lote]][1]], ['Lote', lotes.nombre(lote)]], title = night[layer].nombre(row);
  if (layer === 'lotes') return { title, lote, rows: [...place, ...loteFields(night, row)] };
  if (layer === 'marcadores') return { title, lote, rows: [['Novedad', marcadores.novedad(row)], ...place, ...marcadores.columnas.map(([label, at]) => [label, at(row)])] };
  return { title, lote, rows: [...place, ['Potencial', ambientes.grupos[ambientes.grupo[row]][0]], ['Superficie', hectares(ambientes.ha[row])]] };
}
function loteFields({ lotes, siembras, ambientes, marcadores, campania }, row) {
  const crop = (one) => siembras.grupos[siembras.grupo[one]][0];
  const sown = lotes.siembras[row].map((one) => {
    const said = [...siembras.columnas.map(([label, at]) => [label, at(one)]), ['Superficie sembrada declarada', hectares(siembras.declarada[one])]];
    return [crop(one), said.filter(([, value]) => value).map(([label, value]) => `${label}: ${value}`).join(' · ')];
  });
  const zones = lotes.ambientes[row].map((one) => `${ambientes.nombre(one)} (${ambientes.grupos[ambientes.grupo[one]][0].toLowerCase()}, ${hectares(ambientes.ha[one])})`);
  const marks = marcadores.grupos.map(([tipo], at) => [tipo, lotes.marcadores[row].filter((one) => marcadores.grupo[one] === at)]);
  return [
    ['Cultivo', lotes.siembras[row].map(crop).join(' + ') || 'Sin cultivo'], ['Superficie', hectares(lotes.ha[row])],
    ['Superficie declarada', hectares(lotes.declarada[row])], ['Campaña', campania], ...sown, ['Ambientes', zones.join(' · ')],
    ['Marcadores', marks.filter(([, own]) => own.length).map(([tipo, own]) => `${tipo}:\u00a0${marksText(own.length, own.filter(marcadores.open).length)}`).join(' · ')],
  ];
}
/** What happened to a lote and when: against the night before, and in the portal. */
function biography({ cambios, dia, lotes }, lote) {
  const said = cambios.filter(([one]) => one === lote).map(([, , , what, detail]) => (detail ? `${what}: ${detail}` : what));
  const touched = lotes.modificado(lote), last = touched ? ` Lote modificado por última vez en el portal el ${touched}.` : '';
  return (said.length ? `Cambió la noche del ${dia}: ${said.join('; ')}.` : `Sin cambios la noche del ${dia}.`) + last;
}
/** Where somebody goes to: inside a lote; the mark itself, of what is wide its middle. Latitude, longitude. */
function placeOf(night, { layer, row }) {
  if (layer === 'lotes') return night.lotes.center.map((axis) => axis[row] / 1e7).reverse();
  const [west, north, east, south] = night[layer].shapes.boxes.subarray(4 * row, 4 * row + 4);
  return toLatLng((west + east) / 2, (north + south) / 2);
}
function showCard(page, chosen, focus = false) {
  const { state } = page, { night } = state, card = byId('card');
  Object.assign(state, { chosen });
  card.hidden = !chosen;
  if (chosen) {
    const { title, rows, lote } = cardOf(state, chosen), [lat, lon] = placeOf(night, chosen);
    const shown = rows.filter(([, value]) => value).flatMap(([label, value]) => [element('dt', {}, named(label)), element('dd', {}, named(value))]);
    card.replaceChildren(
      button(() => { showCard(page, null); byId('map').focus(); }, { className: 'close' }, 'Cerrar'), element('h2', {}, named(title)),
      element('dl', {}, ...shown), element('p', { className: 'story' }, biography(night, lote)),
      element('p', {}, `${number(lat, 5)}; ${number(lon, 5)} · `, element('a', { href: `geo:${lat.toFixed(7)},${lon.toFixed(7)}` }, 'Cómo llegar'), ' · ', element('a', { href: hashOf(night, lote) }, 'Enlace a este lote')),
    );
    if (focus) card.focus({ preventScroll: true });
  }
  page.drawing._update();
}
