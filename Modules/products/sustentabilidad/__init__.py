"""The files of the sustainability team: EUDR, fiboa, establecimientos."""
