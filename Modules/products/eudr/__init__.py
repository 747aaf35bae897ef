"""The EUDR declaration: geometry, properties, rules, and the control of each lote."""
