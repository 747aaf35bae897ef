"""Names, places and crops out of which the demo world is made. All invented, or plain geography.

Names hold on purpose what breaks products: ñ, accents, slashes, colons, ampersands, quotes, a
trailing dot, a reserved Windows name, and twins that differ in nothing or only in case.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from Modules.words.cultivos import CATALOGUE


@dataclass(frozen=True, slots=True)
class Lugar:
    """A partido or departamento: name, province, and a point of it (degrees, EPSG:4326)."""

    partido: str
    provincia: str
    lat: float
    lon: float
    zona: int  # index in ZONAS


ZONAS = ("Oeste arenoso", "Núcleo", "Sur de Córdoba", "Sudeste", "La Pampa - Ñandubay", "Litoral")

LUGARES = (
    Lugar("Rivadavia", "Buenos Aires", -35.49, -62.98, 0),
    Lugar("Pergamino", "Buenos Aires", -33.90, -60.57, 1),
    Lugar("Río Cuarto", "Córdoba", -33.13, -64.35, 2),
    Lugar("Tandil", "Buenos Aires", -37.33, -59.14, 3),
    Lugar("Realicó", "La Pampa", -35.04, -64.24, 4),
    Lugar("Gualeguaychú", "Entre Ríos", -33.01, -58.85, 5),
    Lugar("Trenque Lauquen", "Buenos Aires", -35.97, -62.73, 0),
    Lugar("Junín", "Buenos Aires", -34.59, -60.95, 1),
    Lugar("General Roca", "Córdoba", -34.70, -64.40, 2),
    Lugar("Tres Arroyos", "Buenos Aires", -38.38, -60.28, 3),
    Lugar("Maracó", "La Pampa", -35.66, -63.76, 4),
    Lugar("Villaguay", "Entre Ríos", -31.87, -59.03, 5),
    Lugar("General Villegas", "Buenos Aires", -35.03, -63.01, 0),
    Lugar("General López", "Santa Fe", -33.75, -61.97, 1),
    Lugar("Marcos Juárez", "Córdoba", -32.70, -62.11, 2),
    Lugar("Necochea", "Buenos Aires", -38.20, -58.90, 3),
    Lugar("Pehuajó", "Buenos Aires", -35.81, -61.90, 0),
    Lugar("Unión", "Córdoba", -33.60, -62.60, 2),
    Lugar("Azul", "Buenos Aires", -36.78, -59.86, 3),
    Lugar("Pedernera", "San Luis", -33.68, -65.46, 4),
)

# The first twelve are the small world: they show every trap at once.
CAMPOS = (
    "La Paz - Ñandú", "El Ombú", "San José", "San José",  # a twin, in another partido
    "Las Acacias / Este", "Doña Ángela", "La Niña", "LA NIÑA",  # the same to Windows
    "O'Higgins 1/2", "Güemes & Hnos.", "El Cañadón", 'Los Médanos: "Viejo"',
    "La Tranquera", "Santa María", "Don Ramón", "El Chañar", "La Porteña", "Los Teros",
    "Tres Lagunas", "El Tuyú", "La Querencia", "Monte Grande", "Los Caldenes", "El Pampero",
    "La Unión", "Piedra Echada", "El Fortín", "La Media Luna", "Loma Ñaró", "Los Álamos",
)  # fmt: skip
RUMBOS = ("Norte", "Sur", "Este", "Oeste", "Chico", "Grande", "Viejo", "Nuevo", "II", "III")

# Lote names that a campo may hand out before it goes on with plain numbers.
LOTES_RAROS = (
    "7 A/B", "Bajo de la ñata", "12: fondo", "Lote 3.", "AUX", "Médano <chico>", "Potrero Nº 5",
    "La Cañada", '"El Triángulo"', "Cuadro 1 y 1/2", "Ñ", "Tapera & monte",
)  # fmt: skip


_CODES = ("SOJ1", "SOJ2", "MAI1", "MAIT", "MAI2", "TRI", "CEB", "GIR", "SOR", "MAN")
CULTIVOS = (  # the portal's catalogue: it says an especie and an orden of the last two as well
    *(CATALOGUE[code] for code in _CODES),
    replace(CATALOGUE["CC"], especie="cobertura", orden=1),
    replace(CATALOGUE["BAR"], especie="barbecho", orden=1),
)
CULTIVO_POR_CODIGO = {cultivo.codigo: cultivo for cultivo in CULTIVOS}

# How people write them: met in place of code and catalogue name.
ALIAS = {
    "SOJ1": ("SOJA 1º", "soja de primera", "Soja 1ª"),
    "SOJ2": ("SOJA 2º", "soja de 2da", "Soja 2ª"),
    "MAI1": ("MAIZ TEMPRANO", "maíz  temprano"), "MAIT": ("MAIZ TARDIO", "Maíz Tardio"),
    "TRI": ("TRIGO", "trigo"), "CEB": ("cebada", "CEBADA"),
    "GIR": ("GIRASOL",), "SOR": ("SORGO",), "MAN": ("MANI",),
}  # fmt: skip
DESCONOCIDO = "Alpiste"  # in no catalogue: kept as written, drawn grey

# What stands on a lote in a campaña, with its share in per cent.
ROTACIONES: tuple[tuple[tuple[str, ...], int], ...] = (
    (("SOJ1",), 34), (("TRI", "SOJ2"), 17), (("MAI1",), 12), (("MAIT",), 12),
    (("CEB", "SOJ2"), 4), (("GIR",), 5), (("SOR",), 3), (("MAN",), 3),
    (("CC", "MAIT"), 3), (("TRI", "MAI2"), 2), (("BAR",), 1), ((), 4),
)  # fmt: skip

# Sowing and harvest by crop: month and day; harvest None is not looked ahead to.
FECHAS = {
    "SOJ1": ((11, 5), None), "SOJ2": ((12, 18), None), "MAI1": ((9, 25), None),
    "MAIT": ((12, 5), None), "MAI2": ((12, 22), None), "TRI": ((6, 18), (12, 10)),
    "CEB": ((6, 25), (11, 18)), "GIR": ((10, 10), None), "SOR": ((11, 12), None),
    "MAN": ((11, 1), None), "CC": ((6, 5), (10, 20)), "BAR": (None, None),
}  # fmt: skip
MATERIALES = ("B. Ejemplo 460", "Don Nadie 22-1", "Ñu 4.9 STS", "AX 7761 (demo)", None)

# Ambientes from the best to the poorest, with potencial and colour.
AMBIENTES = (
    ("Loma", "alto", "#1B9E77"),
    ("Media loma", "alto", "#66A61E"),
    ("Media loma baja", "medio", "#E6AB02"),
    ("Bajo", "bajo", "#D95F02"),
    ("Bajo salino", "bajo", "#7570B3"),
)
FUENTES = ("rinde+altimetria", "NDVI", "carta de suelos", "EM38")
ANALISIS = ("P Bray", "N-NO3", "MO", "pH", "S-SO4", "Zn", "CE")

# Scouting marks: tipo, subtipo, name, what was written down.
Marca = tuple[str, str | None, str, str | None]
RECORRIDAS: tuple[Marca, ...] = (
    ("recorrida", None, "Recorrida", "Buen stand, sin novedades"),
    ("maleza", "yuyo colorado", "Yuyo colorado", "Rodeos sobre la cabecera <2 pl/m²>"),
    ("maleza", "rama negra", "Rama negra", None),
    ("plaga", "isoca", "Isoca medidora", "8 larvas/m; ojo: revisar en 3 días"),
    ("plaga", "chinche", "Chinche verde", None),
    ("enfermedad", "roya", "Roya", "Incidencia 15 %, severidad baja"),
    ("infraestructura", "tranquera", "Tranquera", None),
    ("infraestructura", "molino", "Molino & tanque", "Sin caño de bajada"),
    ("otro", None, "Mojón", 'Dice "1947"'),
)
LINEAS: tuple[Marca, ...] = (
    ("infraestructura", "alambrado", "Alambrado caído", "Reparar antes de entrar hacienda"),
    ("infraestructura", "canal", "Canal", None),
    ("recorrida", "pasada", "Pasada de recorrida", None),
)
MANCHONES: tuple[Marca, ...] = (
    ("maleza", "gramón", "Manchón de gramón", "Aplicar en manchón"),
    ("plaga", "bicho bolita", "Manchón de bicho bolita", None),
    ("otro", "encharcamiento", "Encharcado", "No entrar con máquina"),
)
