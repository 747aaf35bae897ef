"""Pure geometry: areas, borders, encodings, routes, sampling points, H3. EPSG:4326, lon-lat."""
