"""The console at `/`: pages over the monitor's own JSON addresses, for people of the ops team.

Pages are for people and change with them; programs use the addresses under /v1, which /openapi.json describes.
"""
